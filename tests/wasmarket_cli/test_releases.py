"""What a project remembers, how a deal is scaled, which version comes back: without a market."""

from types import SimpleNamespace

import pytest

from wasmarket.client.deal_peers.merged_logs import follow_all_logs, read_all_logs
from wasmarket.client.developer_offers import Bid, Requirement, make_offer
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.errors import ConfigError, Conflict, InvalidInput, MarketError, Unreachable
from wasmarket_cli.developer.releases.history import choose_version
from wasmarket_cli.developer.releases.project_file import MOST_KEPT, ProjectDeal, ProjectFile
from wasmarket_cli.developer.releases.redeploy import RunningRelease, list_changes
from wasmarket_cli.developer.releases.scale import ScalePlan, plan_scale
from wasmarket_cli.developer.releases.watching import sum_up

pytestmark = pytest.mark.unit

APP, OFFER = "0x" + "11" * 32, "0x" + "22" * 32


def wiring(profile=None, market="0x" + "33" * 20):
    return SimpleNamespace(
        configuration=SimpleNamespace(profile=profile),
        deployment=SimpleNamespace(chain_id=31337, market=market),
    )


def make(units=4, **terms):
    wanted = Requirement(units=units, max_price=100, deposit=1_000, **terms)
    return make_offer(wanted, APP, "0x" + "55" * 20, 0, 0)


def deal(*assignments):
    rows = [
        {"id": number, "units": units, "price": str(price)}
        for number, (units, price) in enumerate(assignments, 1)
    ]
    return {"id": 7, "assignments": rows}


def test_project__remembers_by_profile_and_market__youngest_last(tmp_path):
    project = ProjectFile(tmp_path, wiring())
    project.remember(ProjectDeal(OFFER, None))
    project.remember(ProjectDeal(APP, 8))
    project.remember(ProjectDeal(OFFER, 7))

    assert project.read() == [ProjectDeal(APP, 8), ProjectDeal(OFFER, 7)]
    assert ProjectFile(tmp_path, wiring("prod")).read() == []
    assert ProjectFile(tmp_path, wiring(market="0x" + "44" * 20)).read() == []
    project.forget(OFFER)
    assert not project.has(OFFER)
    assert project.has(APP)


def test_project__many_deployments__keeps_the_youngest(tmp_path):
    project = ProjectFile(tmp_path, wiring())
    for number in range(MOST_KEPT + 1):
        project.remember(ProjectDeal(f"0x{number:064x}", number))

    assert len(project.read()) == MOST_KEPT
    assert project.read()[-1].deal == MOST_KEPT


@pytest.mark.parametrize("text", ["[]", "{", '{"deals": {"x": [{"offer": 1, "deal": 2}]}}', "null"])
def test_project__damaged_file__is_named_with_what_to_do(tmp_path, text):
    project = ProjectFile(tmp_path, wiring())
    project.path.parent.mkdir()
    project.path.write_text(text)

    with pytest.raises(ConfigError) as raised:
        project.read()

    assert str(project.path) in raised.value.detail
    assert "wasmarket status" in raised.value.remedy


def test_project__folder_that_cannot_be_written__costs_only_the_memory(tmp_path, capsys):
    (tmp_path / ".wasmarket").write_text("a file where a folder should be")

    with pytest.raises(ConfigError):
        ProjectFile(tmp_path, wiring()).read()
    app = tmp_path / "missing" / "app.toml"
    ProjectFile(app, wiring()).remember(ProjectDeal(OFFER, 7))

    assert "cannot remember" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("held", "units", "plan"),
    [
        ([(2, 10)], 4, ScalePlan(4, left=4)),
        ([(2, 10)], 6, ScalePlan(4, added=2, left=4)),
        ([(1, 10), (1, 30), (1, 20)], 1, ScalePlan(1, dropped=(2, 3), left=1)),
        ([(3, 10)], 1, ScalePlan(1, left=3)),
        ([(1, 10), (3, 30)], 2, ScalePlan(2, dropped=(1,), left=3)),
    ],
)
def test_scale__drops_the_dearest_and_signs_what_is_beyond_the_offer(held, units, plan):
    assert plan_scale(deal(*held), make(), units) == plan


def test_scale__to_what_there_is__is_refused():
    with pytest.raises(Conflict, match="has 2 units already"):
        plan_scale(deal((2, 10)), make(), 2)


VERSIONS = [
    {"version": number, "app": app, "cid": f"cid-{app}"}
    for number, app in enumerate(["a", "b", "b"], 1)
]


def test_rollback__without_a_version__is_the_newest_other_one():
    assert choose_version(VERSIONS, None)["version"] == 1
    assert choose_version(VERSIONS, "1")["app"] == "a"
    assert choose_version(VERSIONS, "cid-a")["app"] == "a"


@pytest.mark.parametrize(
    ("rows", "wanted", "error"),
    [
        (VERSIONS, "9", InvalidInput),
        (VERSIONS, "2", Conflict),
        (VERSIONS, "cid-b", Conflict),
        (VERSIONS[:1], None, Conflict),
    ],
)
def test_rollback__to_what_it_has_or_never_had__is_refused(rows, wanted, error):
    with pytest.raises(error):
        choose_version(rows, wanted)


def test_redeploy__terms_that_differ_from_what_was_signed__are_all_named():
    one = RunningRelease(Bid(make(), OFFER, ""), "active", 7)

    assert list_changes({"units": 4, "max_price": 100}, one) == []
    said = "; ".join(
        list_changes(
            {"units": 5, "max_price": 90, "deposit": 5, "regions": 3, "only": (ZERO_ADDRESS,)}, one
        )
    )
    for part in ("wasmarket scale 7 5", "max_price was 100, not 90", "top-up 7", "regions was 0"):
        assert part in said
    assert "other providers" in said


def test_metrics__of_several_peers__add_up():
    row = {"inflight": 1, "workers": 2, "restarts": 0, "fuel": 5, "duration_us": 7}
    told = [row | {"calls": {"answered": 3}}, row | {"calls": {"answered": 1, "trap": 2}}]

    total = sum_up(told)

    assert total["calls"] == {"answered": 4, "trap": 2}
    assert (total["workers"], total["fuel"]) == (4, 10)


class TellingGateway:
    """Has the lines of each peer, or none of one that is away."""

    def __init__(self, **lines):
        self._lines = lines

    def lines(self, path, params, *, signed):
        found = self._lines.get(f"peer{params['peer']}")
        if found is None:
            raise Unreachable("away")
        yield from found


def line(time, number):
    return f'{{"time": {time}, "number": {number}, "function": "f", "level": "info", "text": ""}}'


def test_logs__of_all_peers__come_by_time_and_say_whose_they_are():
    gateway = TellingGateway(peer1=[line(10, 1), line(30, 2)], peer2=[line(20, 1)])
    silent = []

    entries = read_all_logs(gateway, 7, [1, 2, 3], lambda peer, error: silent.append(peer))

    assert [(entry["time"], entry["peer"]) for entry in entries] == [(10, 1), (20, 2), (30, 1)]
    assert silent == [3]


def test_logs__followed__are_ordered_over_peers_and_name_the_silent():
    gateway = TellingGateway(peer1=[line(10, 1), line(30, 2)], peer2=[line(20, 1)])
    silent = []
    entries = follow_all_logs(gateway, 7, lambda: [1, 2, 3], lambda peer, _: silent.append(peer))

    assert [next(entries)["time"] for _ in range(3)] == [10, 20, 30]
    assert 3 in silent


def test_logs__followed_while_nobody_knows_the_peers__say_so():
    def find():
        raise Unreachable("no matcher")

    with pytest.raises(MarketError, match="no matcher"):
        next(follow_all_logs(TellingGateway(), 7, find, lambda *_: None))
