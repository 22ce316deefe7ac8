"""What a provider allows: read strictly, judged without surprises."""

import os

import pytest

from peer.copies.kept import CopyTerms
from peer.policy.file import PolicyFile
from peer.policy.policy import (
    Applicant,
    Policy,
    PolicyRefused,
    check_applicant,
    check_credit,
    check_manifest,
    parse_policy,
)
from peer.vouchers.credit import Credit
from wasmarket.kernel.addresses import to_address
from wasmarket.kernel.documents.app_parts import (
    Effectors,
    HttpEffector,
    Limits,
    Manifest,
    Module,
    Service,
)
from wasmarket.kernel.documents.content_ids import raw_cid
from wasmarket.kernel.errors import ConfigError
from wasmarket.kernel.reasons import LeaveReason

pytestmark = pytest.mark.unit

MIB = 1 << 20
FRIEND, STRANGER = to_address(b"f" * 20), to_address(b"s" * 20)


def applicant(developer=STRANGER, units=1, epochs_funded=10, developer_units=0):
    return Applicant(developer, units, epochs_funded, developer_units=developer_units)


def manifest(*, memory=16 * MIB, modules=1, **parts):
    entries = tuple(Module(f"m{index}", raw_cid(bytes([index]))) for index in range(modules))
    return Manifest("app", (Service("app", memory, entries),), **parts)


def reason_of(check, *arguments):
    with pytest.raises(PolicyRefused) as caught:
        check(*arguments)
    return caught.value.reason


def test_parse__nothing__is_the_default():
    assert parse_policy("", "policy.toml") == Policy()


def test_parse__everything__is_read():
    text = f"""
    effectors = ["http"]
    developers = ["{FRIEND.lower()}"]
    max_units = 4
    min_runway = 2
    """

    policy = parse_policy(text, "policy.toml")

    assert policy.effectors == ("http",)
    assert policy.developers == (FRIEND,)
    assert (policy.max_units, policy.min_runway) == (4, 2)


@pytest.mark.parametrize(
    "text",
    [
        "max_unit = 4",
        "max_units = 'four'",
        "max_units = -1",
        "developers = ['nobody']",
        "effectors = 'http'",
        "= 4",
    ],
)
def test_parse__mistake__names_the_file(text):
    with pytest.raises(ConfigError, match=r"policy\.toml: "):
        parse_policy(text, "policy.toml")


def test_applicant__default_policy__anybody_may_run():
    check_applicant(Policy(), applicant(units=10_000, epochs_funded=0))


@pytest.mark.parametrize(
    ("policy", "who"),
    [
        (Policy(developers=(FRIEND,)), applicant()),
        (Policy(refused_developers=(STRANGER,)), applicant()),
        (Policy(max_units=4), applicant(units=5)),
        (Policy(max_units_per_developer=4), applicant(units=3, developer_units=2)),
        (Policy(min_runway=11), applicant()),
    ],
)
def test_applicant__against_the_policy__is_refused(policy, who):
    assert reason_of(check_applicant, policy, who) == LeaveReason.POLICY


@pytest.mark.parametrize(
    ("policy", "who"),
    [
        (Policy(developers=(FRIEND,)), applicant(FRIEND)),
        (Policy(refused_developers=(FRIEND,)), applicant()),
        (Policy(max_units=4), applicant(units=4)),
        (Policy(max_units_per_developer=4), applicant(units=3, developer_units=1)),
        (Policy(min_runway=10), applicant()),
    ],
)
def test_applicant__at_the_limit__is_taken(policy, who):
    check_applicant(policy, who)


@pytest.mark.parametrize(
    ("app", "reason"),
    [
        (manifest(effectors=Effectors(http=HttpEffector(("a.org",)))), LeaveReason.EFFECTOR),
        (manifest(modules=33), LeaveReason.POLICY),
        (manifest(limits=Limits(call_ms=60_001)), LeaveReason.POLICY),
        (manifest(limits=Limits(input_bytes=16 * MIB + 1)), LeaveReason.POLICY),
        (manifest(limits=Limits(output_bytes=16 * MIB + 1)), LeaveReason.POLICY),
        (manifest(limits=Limits(storage_bytes=1024 * MIB + 1)), LeaveReason.POLICY),
        (manifest(limits=Limits(storage_files=65_537)), LeaveReason.POLICY),
        (manifest(memory=64 * MIB + 1), LeaveReason.OUT_OF_CAPACITY),
    ],
)
def test_manifest__over_a_limit__is_refused_with_its_reason(app, reason):
    assert reason_of(check_manifest, Policy(), app, 64) == reason


def test_manifest__at_the_limits__is_taken():
    limits = Limits(
        call_ms=60_000,
        input_bytes=16 * MIB,
        output_bytes=16 * MIB,
        storage_bytes=1024 * MIB,
        storage_files=65_536,
    )
    effectors = Effectors(http=HttpEffector(("a.org",)))
    app = manifest(memory=64 * MIB, modules=32, limits=limits, effectors=effectors)

    check_manifest(Policy(effectors=("http",)), app, 64)


def test_file__that_changed__is_read_again(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text("max_units = 1")
    now = path.stat().st_mtime + 1
    file = PolicyFile(path, lambda: now)

    path.write_text("max_units = 2")
    os.utime(path, (now, now))
    assert file.current.max_units == 1, "an editor may be half through"
    now += 5

    assert file.current.max_units == 2


@pytest.mark.parametrize("damage", [lambda p: p.write_text("max_units = 'x'"), os.remove])
def test_file__that_became_wrong__leaves_the_policy_and_says_so(tmp_path, damage):
    path = tmp_path / "policy.toml"
    path.write_text("max_units = 1")
    file = PolicyFile(path, lambda: 2**40)

    damage(path)

    assert file.current.max_units == 1
    assert "policy.toml" in file.problem
    path.write_text("max_units = 3")
    assert file.current.max_units == 3
    assert file.problem == ""


def test_file__missing_at_the_start__is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="cannot read"):
        PolicyFile(tmp_path / "none.toml")


def test_manifest__program_that_the_policy_does_not_name__is_refused():
    asked = manifest(effectors=Effectors(programs=("qr",)))
    allowing = parse_policy('[programs]\nqr = "/usr/bin/qrencode"\n', "policy.toml")

    check_manifest(allowing, asked, 1024)
    with pytest.raises(PolicyRefused, match="'qr' is not allowed") as caught:
        check_manifest(Policy(), asked, 1024)
    assert caught.value.reason == LeaveReason.EFFECTOR


def test_policy__network_for_a_program_that_it_does_not_name__is_an_error():
    text = 'networked_programs = ["dig"]\n[programs]\n{} = "/usr/bin/dig"\n'

    assert parse_policy(text.format("dig"), "policy.toml").networked_programs == ("dig",)
    with pytest.raises(ConfigError, match="'dig'"):
        parse_policy(text.format("dog"), "policy.toml")


SELLING = Policy(metered=Credit(credit=1_000, least_redeem=10))


@pytest.mark.parametrize("asked", [None, 10, 1_000])
def test_credit__that_is_granted_and_worth_redeeming__is_taken(asked):
    check_credit(SELLING, Limits(fuel=1, credit=asked))


@pytest.mark.parametrize("asked", [1, 9, 1_001])
def test_credit__more_than_is_granted_or_not_worth_redeeming__is_refused(asked):
    assert reason_of(check_credit, SELLING, Limits(fuel=1, credit=asked)) == LeaveReason.POLICY


def test_parse__copies__names_wallets_and_bytes():
    text = f'[copies]\nwallets = ["{FRIEND.lower()}"]\nbytes = 5\n'

    assert parse_policy(text, "policy.toml").copies == CopyTerms((FRIEND,), 5)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('wallets = ["0x12"]', "is not an address"),
        ('wallets = "all"', "not a list"),
        ("bytes = -1", "copies.bytes is -1"),
        ("size = 1", "copies.size is not known"),
    ],
)
def test_parse__copies_that_are_none__names_the_key(text, why):
    with pytest.raises(ConfigError, match=why):
        parse_policy(f"[copies]\n{text}\n", "policy.toml")
