"""`wasmarket receipt`: a call's receipt up to the root on chain."""

import pytest

pytestmark = pytest.mark.e2e


@pytest.fixture
def called(market, deal):
    """A call whose epoch is proven: epoch, receipt and peer."""
    # A whole epoch is left for the call.
    epoch = market.next_epoch()
    answer = market.run("call", deal, "greeting.greeting", "Receipt", "--json").json
    market.next_epoch()
    return epoch, answer["receipt"], answer["peer"]


def test_receipt__verify__leads_to_the_root_on_chain(market, deal, called):
    epoch, receipt, peer = called

    ran = market.run("receipt", "verify", deal, receipt, "--json")

    assert ran.code == 0, ran.err
    assert ran.json["status"] == "answered"
    assert (ran.json["deal"], ran.json["peer"], ran.json["epoch"]) == (deal, int(peer), epoch)
    assert ran.json["hash"] == receipt.split(":")[2]
    assert (
        "proven on chain"
        in market.run("receipt", "verify", deal, receipt, "--epoch", epoch, "--peer", peer).out
    )


def test_receipt__forged__is_refused(market, deal, called):
    epoch, receipt, _ = called
    assignment, sequence, _ = receipt.split(":")

    forged = market.run("receipt", "verify", deal, f"{assignment}:{sequence}:{'00' * 32}")
    missing = market.run("receipt", "verify", deal, f"{assignment}:9999")
    malformed = market.run("receipt", "verify", deal, "nonsense")
    too_early = market.run("receipt", "verify", deal, receipt, "--epoch", epoch + 1)

    assert (forged.code, forged.out) == (1, "")
    assert "another one than the call's header named" in forged.err
    assert missing.code == 1
    assert malformed.code == 2
    assert too_early.code == 1
