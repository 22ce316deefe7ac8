"""`wasmarket audit`, `peer seats`, `peer answer`: honest peers, held to their roots by command."""

import pytest

import wasmarket
from tests.e2e.market_driver import wait_until
from wasmarket.kernel.units import FLT

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def proven(market):
    """An assignment of beta's peer, and an epoch with two calls that its root holds."""
    deal = market.deploy(only="beta")
    [row] = market.assignments(deal)
    market.next_epoch()
    epoch = market.wiring.deployment.epoch_of(market.wiring.clock.refresh())
    for name in ("Ada", "Bob"):
        assert market.call(deal, "greeting/greeting", [name]).status_code == 200
    market.next_epoch()
    return row["id"], epoch


@pytest.fixture(scope="module")
def asker(market):
    return market.new_account("asker")


def is_answered(market, case):
    ran = market.run("audit", "status", case, "--json")
    return ran.code == 0 and ran.json["case"]["outcome"] == "answered"


def test_ask__peer_that_has_the_receipt__answers_by_itself_and_gets_the_fee(market, proven, asker):
    assignment, epoch = proven
    before = market.wiring.flt.balance(market.address(asker))

    made = market.run("audit", "ask", assignment, epoch, 0, "--key", asker, "--json")
    assert made.code == 0, made.err
    case = made.json["case"]
    wait_until("the peer answers", lambda: is_answered(market, case))

    fee = int(made.json["fee"])
    assert fee == 2 * FLT
    assert market.wiring.flt.balance(market.address(asker)) == before - fee
    assert market.wiring.audits.free(market.address("beta")) == fee
    told = market.run("audit", "status", "--key", asker).out
    assert "answered" in told
    assert f"free in Audits: 0 FLT of {market.address(asker)}" in told
    assert "outcome" in market.run("audit", "status", case).out
    late = market.run("audit", "resolve", case, "--key", asker)
    assert (late.code, "audits: not open" in late.err) == (3, True), late.err
    again = market.run("audit", "ask", assignment, epoch, 0, "--key", asker)
    assert (again.code, "audits: asked before" in again.err) == (3, True), again.err


def test_ask__without_flt__is_refused_and_costs_nothing(market, proven):
    assignment, epoch = proven
    poor = market.new_account("poor", funded=False)

    ran = market.run("audit", "ask", assignment, epoch, 1, "--key", poor)

    assert ran.code == 3
    assert "this costs 2 FLT" in ran.err
    assert "0 in its wallet" in ran.err


def test_contradict__honest_peer__finds_nothing_wrong(market, proven, asker):
    ran = market.run("audit", "contradict", *proven, "--key", asker)

    assert ran.code == 3
    assert "2 receipts, and nothing wrong with them" in ran.err


def test_contradict__epoch_without_a_root__says_so(market, proven, asker):
    assignment, epoch = proven

    ran = market.run("audit", "contradict", assignment, epoch + 1_000, "--key", asker)

    assert ran.code == 1
    assert "has no root of epoch" in ran.err


def test_accuse__without_jurors__is_refused(market, proven, asker):
    ran = market.run("audit", "accuse", *proven, 0, "--key", asker, "--json")

    assert ran.code == 3
    assert "audits: too few seats" in ran.err


def test_accuse__receipt_that_there_is_not__says_which_there_are(market, proven, asker):
    ran = market.run("audit", "accuse", *proven, 7, "--key", asker, "--json")

    assert ran.code == 1
    assert "it shows 0 to 1" in ran.err


def test_ask__for_people__says_what_it_cost_and_what_comes_next(market, proven, asker):
    assignment, epoch = proven

    ran = market.run("audit", "ask", assignment, epoch, 1, "--key", asker)

    assert ran.code == 0, ran.err
    first, cost, following = ran.out.splitlines()
    case = first.split()[1]
    assert first == f"case {case} asks for receipt 1 of assignment {assignment}"
    assert "it cost 2 FLT; if it is not answered within 3 epochs" in cost
    assert following == f"  `wasmarket audit resolve {case}`"
    wait_until("the peer answers", lambda: is_answered(market, case))


def test_accuse__assignment_that_there_is_not__is_refused(market, asker):
    ran = market.run("audit", "accuse", 99_999, 1, 0, "--key", asker)

    assert (ran.code, "there is no assignment 99999" in ran.err) == (2, True)


def test_draw__no_such_case__is_refused(market, asker):
    ran = market.run("audit", "draw", 4_000, "--key", asker)

    assert (ran.code, "audits: not open" in ran.err) == (3, True), ran.err


def test_seats__taken_kept_and_quit__are_what_the_chain_has(market):
    peer = market.market.peer_ids["beta-1"]
    free = market.wiring.flt.balance(market.address("beta"))

    taken = market.run("peer", "seats", peer, 2, "--key", "beta", "--json").json
    kept = market.run("peer", "seats", peer, 2, "--key", "beta", "--json").json
    left = market.run("peer", "seats", peer, 1, "--key", "beta")

    assert (len(taken["taken"]), kept["taken"], kept["quit"]) == (2, [], [])
    seat = market.wiring.deployment.parameters.seat
    assert market.wiring.flt.balance(market.address("beta")) >= free - 2 * seat
    assert "0 taken, 1 quit" in left.out
    assert "their stake is free" in left.out
    assert market.run("peer", "seats", peer, 0, "--key", "alpha", "--json").code != 0


def test_answer__nothing_asked__says_so_and_needs_a_folder(market, tmp_path):
    peer = market.market.peer_ids["alpha-1"]

    ran = market.run("peer", "answer", peer, "--from", tmp_path, "--key", "alpha")
    nowhere = market.run("peer", "answer", peer, "--key", "alpha")

    assert (ran.code, ran.out) == (0, f"0 asks about peer {peer} answered\n")
    assert nowhere.code == 1
    assert "--from" in nowhere.err


def test_answer__places_that_are_no_folder__are_read_or_said_to_be_none(market):
    peer = market.market.peer_ids["alpha-1"]
    beta = market.client().matcher.get(f"/v1/peers/{market.market.peer_ids['beta-1']}")["endpoint"]

    def answer(place, number=peer):
        return market.run("peer", "answer", number, "--from", place, "--key", "alpha")

    assert answer(f"peer+{beta}").out == f"0 asks about peer {peer} answered\n"
    no_key, no_kind = answer("s3+http://127.0.0.1:1/copies"), answer("http://127.0.0.1:1/copies")
    assert (no_key.code, "set s3_key_id and s3_secret_file" in no_key.err) == (2, True), no_key
    assert (no_kind.code, "s3+https://HOST/BUCKET" in no_kind.err) == (2, True), no_kind
    assert "there is no peer 4000" in answer(f"peer+{beta}", 4_000).err


def test_python__asks_and_reads_the_case__as_the_commands_do(market, proven):
    assignment, epoch = proven
    asker = market.new_account("program")
    with wasmarket.connect(home=market.home.root, key=asker) as connected:
        audits = connected.audits
        with pytest.raises(wasmarket.MarketError, match="4000"):
            audits.case(case=4_000)
        case = audits.ask(assignment=assignment, epoch=epoch, sequence=9)
        wait_until("the peer answers", lambda: is_answered(market, case))

        found = audits.case(case=case)
        mine = audits.cases(by=market.address(asker))
        with pytest.raises(wasmarket.MarketError, match="not open"):
            audits.resolve(case=case)

        assert (found.kind, found.outcome, found.sequence, found.votes) == (
            "ask",
            "answered",
            9,
            {},
        )
        assert [(one.case, one.seized) for one in mine] == [(case, 0)]
        assert audits.cases(assignment=99_999) == []
        assert (audits.free(), audits.withdraw()) == (0, 0)
