"""`wasmarket deploy` and `scale`: the price that is offered, and what is said before signing."""

from types import SimpleNamespace

import pytest

from wasmarket.client.developer_offers import Requirement, make_offer
from wasmarket.kernel.errors import Conflict, Refused, TimedOut
from wasmarket.kernel.signing.offers import PriceKind, ProvidersMode
from wasmarket_cli.developer import deploy
from wasmarket_cli.developer.deploy import _epoch_cost, _mode, _quoted_price
from wasmarket_cli.developer.releases import scale
from wasmarket_cli.developer.releases.scale import ScalePlan, _add, _describe, _wait
from wasmarket_cli.developer.requirements import Needs

pytestmark = pytest.mark.unit

APP = "0x" + "11" * 32
CURVE = [
    {"units": "1", "price_max": "100", "total": "100"},
    {"units": "2", "price_max": "150", "total": "250"},
]


def make(**terms):
    wanted = Requirement(**({"units": 4, "max_price": 100, "deposit": 1_000} | terms))
    return make_offer(wanted, APP, "0x" + "55" * 20, 0, 0)


@pytest.fixture
def needs():
    def build(units):
        known = dict.fromkeys(Needs.__dataclass_fields__, 0)
        return Needs(**(known | {"units": units}))

    return build


def test_price__of_what_is_wanted__is_that_of_the_dearest_unit(needs):
    assert _quoted_price(None, CURVE, needs(2), PriceKind.RESERVED) == 150


@pytest.mark.parametrize(("obstacles", "words"), [(["memory"], ": memory"), ([], "you want 3")])
def test_price__of_more_than_is_on_offer__is_refused_with_what_excludes(
    monkeypatch, needs, obstacles, words
):
    monkeypatch.setattr(deploy, "find_obstacles", lambda *_: obstacles)

    with pytest.raises(Refused, match="only 2 units like these are on offer") as refused:
        _quoted_price(None, CURVE, needs(3), PriceKind.RESERVED)

    assert refused.value.detail.endswith(words)


def test_cost__of_an_epoch__is_the_quotes_below_the_cap_else_the_cap():
    assert _epoch_cost(CURVE, 2, 1_000) == 250
    assert _epoch_cost(CURVE, 2, 100) == 200
    assert _epoch_cost(CURVE, 3, 100) == 300


def test_providers__named_excluded_or_neither():
    assert [_mode(("0x",), ()), _mode((), ("0x",)), _mode((), ())] == [
        ProvidersMode.ONLY,
        ProvidersMode.EXCEPT,
        ProvidersMode.ANY,
    ]


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (ScalePlan(1, dropped=(3, 4), left=1), "drops 2 assignments (3, 4)"),
        (ScalePlan(1, left=2), "keeps 2 units: its assignments are dropped whole"),
        (ScalePlan(3, left=3), "is filled up to 3 of 4 units signed for"),
        (ScalePlan(4, added=2, left=4), "beyond its offer: 2 units"),
    ],
)
def test_scale__says_what_it_would_do(plan, words):
    assert words in "\n".join(_describe(7, plan, make()))


def test_scale__beyond_the_offer_of_a_deal_that_ends__is_refused():
    with pytest.raises(Conflict, match="deal 7 ends by itself"):
        _add(None, None, {"id": 7}, make(epochs=9), 2, None)
    assert _add(None, None, {"id": 7}, make(), 0, None) is None


def test_scale__beyond_the_offer__is_an_offer_on_the_same_terms(tmp_path):
    offered = []
    client = SimpleNamespace(offer=lambda wanted, app: offered.append(wanted) or BID)
    project = SimpleNamespace(has=lambda hash_: True, remember=offered.append)

    hash_ = _add(None, client, {"id": 7, "offer": APP, "app": APP}, make(tip=10), 2, project)

    wanted, remembered = offered
    assert hash_ == BID.hash
    assert (wanted.units, wanted.deposit, wanted.tip, wanted.max_price) == (2, 500, 5, 100)
    assert remembered.offer == BID.hash


BID = SimpleNamespace(hash="0x" + "77" * 32)


def test_scale__that_is_not_filled_in_time__says_where_to_look(monkeypatch):
    held = [{"units": 1, "state": "active"}, {"units": 1, "state": "pending"}]
    client = SimpleNamespace(deal=lambda deal: {"assignments": held})
    monkeypatch.setattr(scale, "LOOK_SECONDS", 0.0)

    _wait(client, 7, 1, 9)
    with pytest.raises(TimedOut, match="deal 7 has 1 of 2 units"):
        _wait(client, 7, 2, -1)
