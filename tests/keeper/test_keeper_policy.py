"""The policy file: what it may say, and what is said of mistakes in it."""

import pytest

from keeper.policy import load_policy, parse_policy
from wasmarket.kernel.errors import ConfigError

pytestmark = pytest.mark.unit

RUNWAY = '[[runway]]\nfloor_epochs = 10\ntarget_epochs = 30\nmost_usdc_per_month = "5"\n'


def test_policy__with_all_tables__is_read_exactly():
    text = RUNWAY + (
        '[[payouts]]\nkey = "alpha"\nat_least_usdc = "0.5"\nmost_gas_gwei = 3\n'
        'usdc_per_coin = "2500.5"\n[[alarms]]\nkey = "alpha"\n'
        '[notices]\ndays = [1, 7]\ncommand = ["true"]\n'
    )

    policy = parse_policy(text, "keeper.toml")

    [runway], [payout], [alarm] = policy.runways, policy.payouts, policy.alarms
    assert (runway.floor_epochs, runway.most_per_month) == (10, 5_000_000)
    assert runway.sources == ("free", "wallet")
    assert (payout.at_least, payout.most_gas_price) == (500_000, 3 * 10**9)
    assert payout.usdc_per_coin == 2_500_500_000
    assert (alarm.key, alarm.missed_epochs) == ("alpha", 2)
    assert policy.notices.days == (7, 1)


@pytest.mark.parametrize(
    ("content", "cause"),
    [(None, "cannot read {}: No such file or directory"), (b"\xff\xfe", "{} is no text")],
)
def test_policy__file_that_cannot_be_read__is_named(tmp_path, content, cause):
    path = tmp_path / "keeper.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigError) as raised:
        load_policy(path)

    assert raised.value.detail.startswith(cause.format(path))


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "nothing to do"),
        ("[[runway]\n", "keeper.toml"),
        ("[[runways]]\n", "did you mean 'runway'"),
        (RUNWAY.replace("floor_epochs", "flor_epochs"), "did you mean 'floor_epochs'"),
        (RUNWAY.replace("30", "10"), "target_epochs must be more than floor_epochs"),
        (RUNWAY.replace("floor_epochs = 10\n", ""), "has neither floor_epochs nor floor_usdc"),
        (RUNWAY.replace('"5"', "5"), "most_usdc_per_month"),
        (RUNWAY.replace('"5"', '"0.0000001"'), "most_usdc_per_month"),
        (RUNWAY + 'sources = ["bank"]\n', "sources"),
        (RUNWAY + "sources = []\n", "sources is empty"),
        (RUNWAY + "deals = [0]\n", "is negative"),
        (RUNWAY + '[notices]\nwebhook = "ftp://x"\n', "no http or https URL"),
        (RUNWAY + '[notices]\nwebhook = "http://x"\n', "webhook_secret_file"),
        (RUNWAY + "[notices]\ndays = [0]\n", "must be positive"),
        ("[[payouts]]\ntimes_gas = -1\n", "is negative"),
        ("[[alarms]]\nprice_percent = -1\n", "is negative"),
    ],
)
def test_policy__with_a_mistake__names_it(text, cause):
    with pytest.raises(ConfigError) as raised:
        parse_policy(text, "keeper.toml")

    assert cause in f"{raised.value.detail} {raised.value.remedy} {raised.value.field}"
