"""Vouchers kept, credit granted, and when a peer redeems."""

from dataclasses import replace

import pytest

from peer.chain_state.view import OnchainDealState, State
from peer.folder import PeerFolder
from peer.policy.policy import parse_policy
from peer.vouchers.book import VoucherBook
from peer.vouchers.credit import USUAL_CREDIT, Credit, find_idle, find_redeemable, work_limit
from tests.peer.receipt_logs import DOMAIN, SECONDS, open_log
from tests.peer.test_duties import ACTIVE, DEAL, chain_view
from tests.peer.test_receipt_chain import call
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.billing import WORK_STEP, due
from wasmarket.kernel.documents.receipts import CallStatus, call_work
from wasmarket.kernel.errors import ConfigError, Forbidden, InvalidSignature
from wasmarket.kernel.signing.signatures import Signature
from wasmarket.kernel.signing.usage import AssignmentUsage, Voucher, sign_usage
from wasmarket.kernel.units import USDC

pytestmark = pytest.mark.unit

METER, OTHER = Account.from_key(b"\x05" * 32), Account.from_key(b"\x06" * 32)
TERMS = Credit(credit=1_000, least_redeem=10)
PRICE = 3
METERED = replace(ACTIVE, state=State.METERED, next=0, price=PRICE, paid=0)
PAYING = replace(DEAL, balance=1_000_000, meter=METER.address, status=OnchainDealState.RUNNING)


def voucher(work, key=METER.key, assignment=7):
    return sign_usage(DOMAIN, AssignmentUsage(assignment, work), key)


def work_for(money):
    """Return the least work that costs so much."""
    return -(-money * WORK_STEP // PRICE)


def redeemable(held=METERED, deal=PAYING, signed=0, done=0):
    view = chain_view(held, deal=deal)
    return find_redeemable(view, {7: signed}, {7: done}, TERMS) == (7,)


def test_redeem__app_that_asks_for_less_credit__is_redeemed_at_half_of_that():
    view = chain_view(METERED, deal=PAYING)
    signed = {7: work_for(60)}

    def found(credits):
        return find_redeemable(view, signed, signed, TERMS, credits)

    assert (found({}), found({7: 122}), found({7: 120})) == ((), (), (7,))


def test_voucher__accepted__is_there_after_a_restart(tmp_path):
    VoucherBook(tmp_path, DOMAIN).accept(voucher(500), METER.address)

    again = VoucherBook(tmp_path, DOMAIN)

    assert again.find(7) == voucher(500)
    assert again.works() == {7: 500}


@pytest.mark.parametrize("work", [1, 499, 500])
def test_voucher__not_newer__changes_nothing(tmp_path, work):
    book = VoucherBook(tmp_path, DOMAIN)
    book.accept(voucher(500), METER.address)

    assert book.accept(voucher(work), METER.address) == 500
    assert book.find(7) == voucher(500)


def test_voucher__of_somebody_else__is_refused(tmp_path):
    book = VoucherBook(tmp_path, DOMAIN)

    with pytest.raises(Forbidden, match="does not sign"):
        book.accept(voucher(500, OTHER.key), METER.address)
    assert book.find(7) is None


@pytest.mark.parametrize("work", [2**96, 2**200])
def test_voucher__of_more_work_than_the_chain_takes__is_refused(tmp_path, work):
    forged = Voucher(AssignmentUsage(7, work), Signature(1, 1))

    with pytest.raises(InvalidSignature):
        VoucherBook(tmp_path, DOMAIN).accept(forged, METER.address)


def test_voucher__disk_full__is_not_taken(tmp_path, monkeypatch):
    book = VoucherBook(tmp_path, DOMAIN)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("peer.vouchers.book.write_atomically", full)
    with pytest.raises(OSError, match="No space"):
        book.accept(voucher(500), METER.address)
    assert book.work_of(7) == 0


def test_voucher__file_damaged__is_set_aside(tmp_path):
    VoucherBook(tmp_path, DOMAIN).accept(voucher(500), METER.address)
    (tmp_path / "7").write_bytes(b"\xff" * 40)

    assert VoucherBook(tmp_path, DOMAIN).find(7) is None
    assert len(list(tmp_path.glob("7.damaged*"))) == 1


@pytest.mark.parametrize(("paid", "credit", "price"), [(0, 1, 1), (0, 1_000, 3), (77, 10**6, 7)])
def test_limit__is_the_first_work_that_owes_more_than_the_credit(paid, credit, price):
    limit = work_limit(replace(METERED, paid=paid, price=price), credit)

    assert due(limit, price) - paid == credit + 1
    assert due(limit - 1, price) - paid == credit


@pytest.mark.parametrize(("signed", "now"), [(499, False), (500, True)])
def test_redeem__half_of_the_credit_signed__is_the_moment(signed, now):
    assert redeemable(signed=work_for(signed)) == now


@pytest.mark.parametrize(
    ("held", "deal", "now"),
    [
        (METERED, PAYING, False),
        (METERED, replace(PAYING, status=OnchainDealState.STOPPING), True),
        (METERED, replace(PAYING, status=OnchainDealState.ENDED), True),
        (replace(METERED, alive=False), PAYING, True),
        (replace(METERED, state=State.CLOSED, alive=False), PAYING, True),
        # The balance is less than twice what is owed.
        (METERED, replace(PAYING, balance=399), True),
        (METERED, replace(PAYING, balance=400), False),
        # Nothing to be had.
        (METERED, replace(PAYING, balance=0), False),
        (replace(METERED, paid=200, alive=False), PAYING, False),
        (replace(METERED, paid=191, alive=False), PAYING, False),
        (replace(METERED, paid=190, alive=False), PAYING, True),
        # Not metered.
        (ACTIVE, DEAL, False),
    ],
)
def test_redeem__200_signed__when_it_is_time_and_worth_it(held, deal, now):
    assert redeemable(held, deal, work_for(200), work_for(200)) == now


def test_redeem__more_done_than_signed__counts_against_the_balance():
    poor = replace(PAYING, balance=1_000)

    assert not redeemable(deal=poor, signed=work_for(200), done=work_for(500))
    assert redeemable(deal=poor, signed=work_for(200), done=work_for(501))


@pytest.mark.parametrize(
    ("started", "called", "left"),
    [(90, None, True), (96, None, True), (97, None, False), (90, 96, True), (90, 97, False)],
)
def test_idle__for_longer_than_the_policy_bears__is_left(started, called, left):
    view = chain_view(replace(METERED, start=started), deal=PAYING)
    known = {} if called is None else {7: called}

    assert find_idle(view, known, replace(TERMS, idle_epochs=3)) == ((7,) if left else ())
    assert find_idle(view, known, TERMS) == ()


def test_idle__in_a_reserved_deal__is_nobodys_business():
    assert find_idle(chain_view(ACTIVE), {}, replace(TERMS, idle_epochs=1)) == ()


def test_work__of_calls__is_counted_over_restarts_and_pruning(tmp_path):
    folder = PeerFolder(tmp_path)
    log = open_log(folder)
    chain = log.open(9, 7)
    each = call_work(CallStatus.ANSWERED, fuel=10, size=3)
    chain.append_all([call(time=0, fuel=10, size=3)] * 2)
    chain.append_all([call(time=SECONDS, fuel=10, size=3)] * 3)
    chain.close_epoch(1)
    chain.save_work(1)
    chain.append(call(time=2 * SECONDS, fuel=10, size=3))
    assert chain.work_done == 6 * each
    chain.prune(2)
    log.close()

    log = open_log(folder, floor=2)

    assert log.get(9).work_done == 6 * each
    log.get(9).save_work(2)
    log.close()
    log = open_log(folder, floor=3)
    assert log.get(9).work_done == 6 * each
    log.close()


def test_policy__credit__is_read():
    policy = parse_policy('[metered]\ncredit = "0.5"\nleast_redeem = "0.02"\nidle_epochs = 4', "p")

    assert policy.metered == Credit(USDC // 2, USDC // 50, 4)
    assert parse_policy("", "p").metered == USUAL_CREDIT


@pytest.mark.parametrize("text", ['credit = "0"', "credit = 1.0", "more = 1", "idle_epochs = -1"])
def test_policy__credit_that_is_none__is_refused(text):
    with pytest.raises(ConfigError, match="metered"):
        parse_policy("[metered]\n" + text, "p")
