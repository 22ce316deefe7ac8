"""What is offered, to whom, at which price and until when."""

from datetime import UTC, datetime

import pytest

from peer.policy.policy import Policy, parse_policy
from peer.policy.pricing import DAY, Machine, PricedAsk, Pricing, Window, find_asks, next_change
from wasmarket.kernel.addresses import ZERO_ADDRESS, to_address
from wasmarket.kernel.errors import ConfigError
from wasmarket.kernel.regions import region_index
from wasmarket.kernel.signing.offers import PriceKind
from wasmarket.kernel.traits import trait_mask

pytestmark = pytest.mark.unit

FRIEND, STRANGER = to_address(b"f" * 20), to_address(b"s" * 20)
MACHINE = Machine(7, 4, region_index("DE"), trait_mask(["nvme", "http"]))
ALWAYS = tuple(range(7))


def at(text):
    """Return a time of the week that began on Monday 2026-11-16, UTC."""
    day, _, clock = text.partition(" ")
    number = ("mon", "tue", "wed", "thu", "fri", "sat", "sun").index(day)
    moment = datetime.fromisoformat(f"2026-11-{16 + number:02d}T{clock}").replace(tzinfo=UTC)
    return int(moment.timestamp())


def hours(start, end):
    return start * 3_600, end * 3_600


def read(text):
    return parse_policy(text, "policy.toml").offers


def prices(pricing, when, only=(), machine=MACHINE):
    return {ask.developer: ask.price for ask in find_asks(pricing, machine, only, at(when))}


def test_price__base_and_surcharges_of_what_the_peer_has__add_up():
    pricing = Pricing(
        10_000, traits={"nvme": 2_000, "gpu": 90_000}, regions={"DE": 500, "US": 70_000}
    )

    assert prices(pricing, "mon 12:00") == {ZERO_ADDRESS: 12_500}


def test_private_price__stands_beside_the_public_one():
    pricing = Pricing(10_000, developers={FRIEND: 8_000})

    assert prices(pricing, "mon 12:00") == {ZERO_ADDRESS: 10_000, FRIEND: 8_000}


def test_allowed_developers__nobody_else_is_offered_anything():
    pricing = Pricing(10_000, developers={STRANGER: 8_000})

    assert prices(pricing, "mon 12:00", only=(FRIEND,)) == {FRIEND: 10_000}


def test_no_units__nothing_is_offered():
    assert prices(Pricing(1), "mon 12:00", machine=Machine(7, 0, 0, 0)) == {}


def test_offer__holds_for_its_time():
    now = at("mon 12:00")

    assert find_asks(Pricing(5, valid_seconds=600), MACHINE, (), now) == (
        PricedAsk(7, PriceKind.RESERVED, ZERO_ADDRESS, 5, now + 600),
    )


@pytest.mark.parametrize(
    ("when", "price"),
    [
        ("mon 07:59:59", None),
        ("mon 08:00:00", 20),
        ("mon 17:59:59", 20),
        ("mon 18:00:00", None),
        ("sat 12:00", 5),
        ("sun 23:59:59", 5),
        ("fri 23:00", None),
    ],
)
def test_schedule__in_a_window_only__at_its_price(when, price):
    pricing = Pricing(
        20,
        schedule=(Window((0, 1, 2, 3, 4), *hours(8, 18)), Window((5, 6), *hours(0, 24), price=5)),
    )

    assert prices(pricing, when) == ({} if price is None else {ZERO_ADDRESS: price})


@pytest.mark.parametrize(
    ("when", "is_open"),
    [
        ("mon 21:59", False),
        ("mon 22:00", True),
        ("tue 05:59", True),
        ("tue 06:00", False),
        ("tue 22:00", False),
        ("mon 05:00", False),
    ],
)
def test_window__over_midnight__belongs_to_the_day_it_begins(when, is_open):
    assert Window((0,), *hours(22, 6)).covers(at(when)) == is_open


def test_overlapping_windows__the_first_decides():
    pricing = Pricing(
        9, schedule=(Window(ALWAYS, *hours(12, 13), price=50), Window(ALWAYS, *hours(8, 18)))
    )

    assert prices(pricing, "wed 12:30") == {ZERO_ADDRESS: 50}
    assert prices(pricing, "wed 13:00") == {ZERO_ADDRESS: 9}


@pytest.mark.parametrize(
    ("when", "until"),
    [("mon 08:00", "mon 17:59:59"), ("mon 17:00", "mon 17:59:59"), ("fri 09:00", "fri 17:59:59")],
)
def test_offer__made_in_a_window__never_outlives_it(when, until):
    pricing = Pricing(5, schedule=(Window((0, 1, 2, 3, 4), *hours(8, 18)),), valid_seconds=30 * DAY)
    [ask] = find_asks(pricing, MACHINE, (), at(when))

    assert ask.until == at(until)


def test_next_change__is_the_next_time_another_window_decides():
    weekend = Pricing(5, schedule=(Window((5, 6), *hours(0, 24), 3), Window(ALWAYS, 0, DAY)))

    assert next_change(weekend, at("mon 12:00")) == at("sat 00:00")
    assert next_change(weekend, at("sat 12:00")) == at("sun 00:00") + DAY
    assert next_change(Pricing(5), at("mon 12:00")) is None
    assert next_change(Pricing(5, schedule=(Window(ALWAYS, 0, DAY),)), at("mon 12:00")) is None


def test_table__everything__is_read():
    pricing = read(f"""
    max_units = 3
    [offers]
    price = "0.012"
    valid_seconds = 7200
    withdraw = "chain"
    matchers = ["https://one.example/", "http://two.example:8600"]
    [offers.traits]
    nvme = "0.002"
    [offers.regions]
    de = "0.0005"
    [offers.developers]
    "{FRIEND.lower()}" = "0.01"
    [[offers.schedule]]
    days = ["sat", "sun"]
    price = "1"
    [[offers.schedule]]
    from = "08:30"
    to = "18:00"
    """)

    assert pricing == Pricing(
        price=12_000,
        traits={"nvme": 2_000},
        regions={"DE": 500},
        developers={FRIEND: 10_000},
        schedule=(Window((5, 6), 0, DAY, 1_000_000), Window(ALWAYS, 30_600, 64_800)),
        valid_seconds=7_200,
        withdraw="chain",
        matchers=("https://one.example", "http://two.example:8600"),
    )
    assert parse_policy("", "policy.toml") == Policy(offers=None)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[offers]", "offers.price is missing"),
        ("[offers]\nprice = 0.012", "in quotes|not a price"),
        ("[offers]\nprice = '0'", "not a price"),
        ("[offers]\nprice = '1e3'", "not a price"),
        ("[offers]\nprice = '0.0000001'", "not a price"),
        ("[offers]\nprice = '999999999'", "not a price"),
        ("[offers]\nprice = '1'\nprize = '2'", "offers.prize is not known"),
        ("[offers]\nprice = '1'\ntraits = {fast = '1'}", "no trait"),
        ("[offers]\nprice = '1'\nregions = {XX = '1'}", "no region"),
        ("[offers]\nprice = '1'\ndevelopers = {bob = '1'}", "offers.developers|address"),
        ("[offers]\nprice = '1'\nschedule = [{days = ['monday']}]", "days has 'monday'"),
        ("[offers]\nprice = '1'\nschedule = [{from = '8:00'}]", "from is '8:00'"),
        ("[offers]\nprice = '1'\nschedule = [{from = '08:00', until = '9'}]", "until is not"),
        ("[offers]\nprice = '1'\nvalid_seconds = 1", "valid_seconds"),
        ("[offers]\nprice = '1'\nwithdraw = 'never'", "withdraw"),
        ("[offers]\nprice = '1'\nmatchers = ['here']", "matchers"),
        ("offers = 5", "not an object"),
    ],
)
def test_table__mistake__names_the_key(text, complaint):
    with pytest.raises(ConfigError, match=complaint):
        read(text)
