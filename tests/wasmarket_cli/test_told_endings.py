"""An eviction is said where its developer and its provider look: what, when, why and what to do."""

import json
from types import SimpleNamespace

import httpx
import pytest

from wasmarket.client.service import ServiceClient
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket_cli.developer import deals
from wasmarket_cli.endings import SHOWN
from wasmarket_cli.main import main
from wasmarket_cli.provider import peer_status, providers

pytestmark = pytest.mark.unit

ACCOUNT, APP = "0x" + "11" * 20, "0x" + "55" * 32
MATCHER, PEER = "http://matcher", "http://peer"
WHY = "the peer did not prove its epochs"
AT = 1_700_000_000


def ending(number, kind="evicted", at=AT, why=WHY):
    return {
        "id": number,
        "deal": 7,
        "peer": 3,
        "state": "cleared",
        "ended_at": at,
        "ended_kind": kind,
        "why_text": why,
    }


ROWS = [
    ending(21, "released", AT - 60, None),
    ending(22),
    ending(23, None, None, None),
]


@pytest.fixture
def known(monkeypatch):
    """A market whose matcher and peer answer as the real ones do; their rows may be changed."""
    rows = list(ROWS)
    asked = []

    def answer(request):
        asked.append(request.url)
        if request.url.host == "matcher":
            if not rows:
                raise httpx.ConnectError("away")
            return httpx.Response(200, json={"items": rows, "next": None})
        if request.url.path == "/v1/health/ready":
            return httpx.Response(200, json={"ready": True, "reason": ""})
        extra = {"peer": 3, "wallet": ACCOUNT, "epoch": 5, "policy": "", "deals": {}}
        extra |= {"offers": [], "refusals": {}, "kept": []}
        return httpx.Response(200, json={"head": 9, "extra": extra})

    http = httpx.Client(transport=httpx.MockTransport(answer))
    client = SimpleNamespace(
        address=ACCOUNT,
        matcher=ServiceClient("matcher", MATCHER, http),
        find_due=lambda owner: [],
        find_peers=lambda owner: [],
        deal=lambda number: {
            "id": number,
            "status": "running",
            "developer": ACCOUNT,
            "app": APP,
            "balance": "9",
            "rate": "1",
            "runway": "9",
            "meter": ZERO_ADDRESS,
            "lapsed_at": None,
            "block": 9,
            "assignments": [],
        },
        assignments=lambda number: rows,
        served_versions=lambda number: [],
    )
    stake = SimpleNamespace(free=0, locked=0, leaving=0, ready=0)
    wiring = SimpleNamespace(
        http=http,
        client=SimpleNamespace(matcher=MATCHER),
        clock=SimpleNamespace(refresh=lambda: AT),
        deployment=SimpleNamespace(
            epoch_of=lambda at: 5, parameters=SimpleNamespace(epoch_seconds=60)
        ),
        market=SimpleNamespace(account=lambda owner: SimpleNamespace(free=0)),
        staking=SimpleNamespace(stake=lambda owner: stake),
    )
    for module in (deals, providers, peer_status):
        monkeypatch.setattr(module, "wire", lambda ctx: wiring)
    monkeypatch.setattr(deals, "DeveloperClient", lambda wiring, key: client)
    monkeypatch.setattr(providers, "ProviderClient", lambda wiring, key: client)
    return SimpleNamespace(rows=rows, asked=asked)


STATUSES = [
    (("status", "7"), "the matcher looks for other units by itself", None),
    (("provider", "status"), "find out why the peer was away", f"provider={ACCOUNT}"),
    (("peer", "status", "--url", PEER), "find out why the peer was away", "peer=3"),
]


@pytest.mark.parametrize(("command", "advice", "query"), STATUSES)
def test_status__of_an_evicted_peer__says_what_happened_when_why_and_what_to_do(
    tmp_path, capsys, known, monkeypatch, command, advice, query
):
    monkeypatch.setenv("COLUMNS", "300")

    assert main(["--home", str(tmp_path), *command]) == 0

    lines = capsys.readouterr().out.splitlines()
    [evicted] = [line for line in lines if "evicted" in line]
    assert {"22", "7", "3"} <= set(evicted.split())
    assert "2023-11-14" in evicted
    assert WHY in evicted
    assert advice in evicted
    # The newest first, and nothing of what still lives.
    assert lines.index(evicted) < next(i for i, line in enumerate(lines) if "released" in line)
    assert not [line for line in lines if " 23 " in line]
    if query:
        assert [url.query.decode() for url in known.asked if url.host == "matcher"] == [query]


@pytest.mark.parametrize(("command", "advice", "query"), STATUSES)
def test_status__as_json__has_the_endings(tmp_path, capsys, known, command, advice, query):
    assert main(["--home", str(tmp_path), *command, "--json"]) == 0

    ended = json.loads(capsys.readouterr().out)["ended"]
    assert [(row["id"], row["ended_kind"], row["why_text"]) for row in ended] == [
        (22, "evicted", WHY),
        (21, "released", None),
    ]


@pytest.mark.parametrize("command", [command for command, _, query in STATUSES if query])
def test_status__matcher_away__says_that_endings_are_not_known(tmp_path, capsys, known, command):
    known.rows.clear()

    assert main(["--home", str(tmp_path), *command]) == 0

    assert "knows which assignments have ended and why" in capsys.readouterr().err


def test_status__many_endings__shows_the_newest(tmp_path, capsys, known):
    known.rows[:] = [ending(number, at=AT + number) for number in range(1, 3 * SHOWN)]

    assert main(["--home", str(tmp_path), "status", "7", "--json"]) == 0

    ended = json.loads(capsys.readouterr().out)["ended"]
    assert [row["id"] for row in ended] == list(range(3 * SHOWN - 1, 2 * SHOWN - 1, -1))
