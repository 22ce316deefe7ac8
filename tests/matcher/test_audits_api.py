"""The read API of audits and usage: redemptions, cases with votes, contradictions, seats."""

import pytest

from wasmarket.kernel import events
from wasmarket.kernel.addresses import ZERO_HASH, to_address, to_hash
from wasmarket.kernel.events.audits import CaseKind, CaseOutcome, CaseState

pytestmark = pytest.mark.unit

ASKER, OTHER, METER = (to_address(bytes([n]) * 20) for n in (7, 8, 9))
APP, OFFER, ASK, RECEIPT, VOTE = (to_hash(bytes([n]) * 32) for n in range(11, 16))
SEATS = (3, 1, 4, 0, 5, 9, 2)


@pytest.fixture
def audited(town):
    """A metered deal of two redemptions; an ask that was answered, an accusation that goes on."""
    town.register_peer(1)
    mine = town.chain.mine
    epoch = town.chain.head.timestamp // 60
    mine(
        events.Assigned(1, 1, 1, 2, 5, ASK),
        events.DealCreated(1, ASKER, OFFER, APP, 1_000, 2**32 - 1, METER),
        events.Matched(1, OTHER, 2, 0),
    )
    mine(events.Activated(1, 1, epoch, 0, 1_000, 0))
    mine(events.Redeemed(1, 1, 10**12, 5, 2, 995))
    mine(events.Redeemed(1, 1, 3 * 10**12, 10, 0, 985))
    town.redeemed_at = town.chain.head.timestamp
    mine(events.Opened(1, 1, ASKER, CaseKind.ASK, epoch, 7, ZERO_HASH))
    mine(events.Closed(1, 1, CaseOutcome.ANSWERED, 0))
    mine(events.Opened(2, 1, OTHER, CaseKind.ACCUSATION, epoch, 0, RECEIPT))
    mine(
        events.Drawn(2, sum(seat << 32 * place for place, seat in enumerate(SEATS))),
        events.Voted(2, 0),
        events.Voted(2, 1),
        events.Phase(2, CaseState.SHOWN),
        events.Revealed(2, 1, VOTE),
    )
    mine(events.Seat(3, 1, 100, 0, 2))
    town.index()
    return town


def get(town, target):
    answer = town.http.get(target)
    assert answer.status_code == 200, answer.text
    return answer.json()


def names(said, *wanted):
    return tuple(said[name] for name in wanted)


def test_redemptions__page_by_page__are_what_the_vouchers_paid(audited):
    first = get(audited, "/v1/deals/1/redemptions?limit=1")
    second = get(audited, f"/v1/deals/1/redemptions?limit=1&cursor={first['next']}")

    [early], [late] = first["items"], second["items"]
    money = ("work", "paid", "owed", "balance")
    assert names(early, *money) == (str(10**12), "5", "2", "995")
    assert names(late, *money) == (str(3 * 10**12), "10", "0", "985")
    assert names(late, "assignment", "deal") == (1, 1)
    assert late["in_block"] == early["in_block"] + 1
    assert late["at"] == audited.redeemed_at
    assert late["tx"].startswith("0x")
    assert get(audited, "/v1/deals/1/redemptions?assignment=2")["items"] == []
    assert audited.http.get("/v1/deals/9/redemptions").status_code == 404


def test_cases__by_who_opened_them_and_by_state__say_how_they_stand(audited):
    [ask] = get(audited, f"/v1/cases?by={ASKER}")["items"]
    [trial] = get(audited, "/v1/cases?state=shown&assignment=1")["items"]

    told = ("id", "kind", "state", "outcome", "sequence", "jury", "seized")
    assert names(ask, *told) == (1, "ask", "closed", "answered", "7", None, "0")
    assert names(trial, *told) == (2, "accusation", "shown", None, "0", list(SEATS), None)
    assert names(trial, "by", "receipt") == (OTHER, RECEIPT)
    assert ask["moved_at"] > ask["opened_at"]
    first = get(audited, "/v1/cases?limit=1")
    assert [case["id"] for case in first["items"]] == [1]
    assert [case["id"] for case in get(audited, f"/v1/cases?cursor={first['next']}")["items"]] == [
        2
    ]


def test_case__with_its_votes__hides_what_is_not_revealed(audited):
    told = get(audited, "/v1/cases/2")

    assert told["votes"] == [{"place": 0, "vote": None}, {"place": 1, "vote": VOTE}]
    assert told["case"]["jury"] == list(SEATS)
    assert audited.http.get("/v1/cases/3").status_code == 404


def test_seats__of_a_peer__have_their_fines(audited):
    told = get(audited, "/v1/seats?peer=1")["items"]

    assert told == [{"id": 3, "peer": 1, "since": 100, "quit": 0, "fines": 2}]
    assert get(audited, "/v1/seats?peer=2")["items"] == []


def test_contradictions__are_told_with_what_was_seized(audited):
    epoch = audited.chain.head.timestamp // 60
    audited.chain.mine(
        events.Ended(1, 1, 1, epoch, 5, 0, 985, 0), events.Contradicted(1, OTHER, 4, 200)
    )
    audited.index()

    [found] = get(audited, "/v1/contradictions?assignment=1")["items"]
    assert names(found, "assignment", "by", "kind", "seized") == (1, OTHER, 4, "200")
    assert found["in_block"] == audited.chain.head.number
    assert get(audited, "/v1/contradictions?assignment=2")["items"] == []
