"""Small values: revert reasons, packed words, the clock, the lock, the encoder's errors."""

import threading
from dataclasses import astuple, replace

import pytest

from wasmarket.chain.clock import ChainClock
from wasmarket.chain.contracts.abi import load_abi, parse_abi
from wasmarket.chain.contracts.bindings import Market
from wasmarket.chain.contracts.packed_words import (
    AccountWord,
    AssignmentWord,
    DealWord,
    OfferWord,
    PeerExtraWord,
    PeerWord,
)
from wasmarket.chain.errors import RpcError, read_reason, to_reverted
from wasmarket.chain.reading.rpc import Fees
from wasmarket.chain.sending.nonces import NonceLock
from wasmarket.chain.sending.signing import TransactionPlan, bump, choose_fees, read_plan
from wasmarket.chain.sending.transactions import ContractCall
from wasmarket.kernel.addresses import ZERO_ADDRESS, ZERO_HASH
from wasmarket.kernel.errors import InvalidInput, TimedOut, Unreachable, WrongChain
from wasmarket.testing.fake_chain import START, FakeChain, fake_deployment

pytestmark = pytest.mark.unit

PAUSED = bytes.fromhex("08c379a0") + (32).to_bytes(32, "big") + (14).to_bytes(32, "big")
PAUSED += b"market: paused".ljust(32, b"\0")
PANIC = bytes.fromhex("4e487b71") + (17).to_bytes(32, "big")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RpcError("execution reverted: x", code=3, data="0x" + PAUSED.hex()), "market: paused"),
        (RpcError("reverted", code=-32000, data={"data": "0x" + PAUSED.hex()}), "market: paused"),
        (RpcError("execution reverted: market: paused", code=-32000), "market: paused"),
        (RpcError("execution reverted", code=3, data="0x"), ""),
        (RpcError("execution reverted", code=3, data="0x" + PANIC.hex()), "panic 17"),
        (RpcError("execution reverted", code=3, data="0x01020304"), "0x01020304"),
    ],
)
def test_to_reverted__shapes_of_nodes__give_the_reason(error, reason):
    assert to_reverted(error).reason == reason


@pytest.mark.parametrize(
    "error",
    [RpcError("unknown block", code=-32000), RpcError("bad", code=-32602, data="some text")],
)
def test_to_reverted__other_errors__are_left_alone(error):
    assert to_reverted(error) is None


def test_read_reason__hostile_length__reads_what_is_there():
    data = PAUSED[:36] + (2**256 - 1).to_bytes(32, "big") + b"\xff\xfe"

    assert read_reason(data) == "\ufffd\ufffd"


@pytest.mark.parametrize(
    ("kind", "bits"),
    [
        (AccountWord, 256),
        (OfferWord, 34),
        (PeerWord, 232),
        (PeerExtraWord, 256),
        (DealWord, 250),
        (AssignmentWord, 256),
    ],
)
def test_unpack__all_ones__gives_every_fields_maximum(kind, bits):
    word = kind.unpack((1 << bits) - 1)

    assert sum(kind.WIDTHS) == bits
    assert astuple(word) == tuple((1 << width) - 1 for width in kind.WIDTHS)


def test_unpack__fields__come_low_bits_first():
    word = DealWord.unpack(5 | 7 << 96 | 9 << 160 | 11 << 192 | 13 << 224 | 2 << 240 | 2 << 248)

    assert word == DealWord(5, 7, 9, 11, 13, 2, 0, 1)


def test_paid__of_a_metered_assignment__lies_in_two_fields():
    word = AssignmentWord(1, 2, 3, 4, 5, next=7, end=0, skipped=9, run=0, state=4)

    assert word.paid == 7 + (9 << 32)
    assert replace(word, state=5).paid == word.paid
    assert replace(word, state=2).paid == 0


def test_encode__wrong_count_or_value__names_it():
    abi = load_abi("Market")

    with pytest.raises(InvalidInput, match="takes 2 arguments, not 1"):
        abi.function("withdraw").encode([1])
    with pytest.raises(InvalidInput) as caught:
        abi.function("withdraw").encode([-1, ZERO_ADDRESS])
    assert caught.value.field == "amount"
    with pytest.raises(InvalidInput, match="no function"):
        abi.function("steal")


def test_encode__struct_as_mapping_sequence_or_number__is_the_same():
    commit = load_abi("Proofs").function("commit")
    expected = commit.encode([7, [(1, "0x" + "00" * 31 + "05")]])

    assert commit.encode([7, [{"peer": 1, "root": 5}]]) == expected
    assert commit.encode([7, ((1, (5).to_bytes(32, "big")),)]) == expected


def test_decode_output__no_answer__says_the_contract_is_not_there():
    with pytest.raises(WrongChain, match="no such contract"):
        load_abi("Market").function("account_word").decode_output(b"")
    with pytest.raises(WrongChain, match="does not fit"):
        load_abi("Market").function("account_word").decode_output(b"\1")


def test_parse_abi__nested_structs__have_canonical_signatures():
    function = load_abi("Market").function("match")

    assert function.inputs[3].type == (
        "(uint256,uint256,uint256,address,uint256,uint256,uint256,uint256,bytes32,bytes32)[]"
    )
    erc20 = parse_abi(
        "T",
        [
            {
                "type": "function",
                "name": "transfer",
                "outputs": [],
                "inputs": [{"name": "a", "type": "address"}, {"name": "b", "type": "uint256"}],
            }
        ],
    )
    assert erc20.function("transfer").selector.hex() == "a9059cbb"


def test_clock__observed_blocks__need_no_request():
    deployment = fake_deployment(epoch_seconds=60)
    chain = FakeChain(deployment)
    clock = ChainClock(chain, deployment)
    assert clock.now() == START
    assert clock.seconds_left() == 60

    chain.offline = True
    clock.observe(chain.mine(seconds=61))

    assert clock.epoch() == deployment.epoch_of(START) + 1
    assert clock.seconds_left() == 59
    with pytest.raises(Unreachable):
        clock.refresh()
    assert clock.now() == START + 61


def test_nonce_lock__held_elsewhere__waits_then_times_out(tmp_path):
    path = tmp_path / "key.lock"

    with NonceLock(path).held():
        assert try_lock(NonceLock(path, 0.05)) == "timed out"

    assert try_lock(NonceLock(path, 0.05)) == "held"


def test_nonce_lock__other_thread__waits_its_turn():
    lock = NonceLock(patience=0.05)
    with lock.held():
        outcome = []
        thread = threading.Thread(target=lambda: outcome.append(try_lock(lock)))
        thread.start()
        thread.join()

    assert outcome == ["timed out"]
    assert try_lock(lock) == "held"


def try_lock(lock):
    try:
        with lock.held():
            return "held"
    except TimedOut:
        return "timed out"


PLAN = TransactionPlan(ContractCall(ZERO_ADDRESS, b"", "x"), 1, 0, 21_000, tip=8, max_fee=100)


@pytest.mark.parametrize(
    ("fees", "limit", "expected"),
    [
        (Fees(10, 1), None, (11, 126)),
        (Fees(1000, 50), None, (50, 2050)),
        (Fees(1000, 50), 500, (50, 500)),
        (Fees(0, 0), 126, (11, 126)),
        (Fees(0, 0), 125, None),
    ],
)
def test_bump__offers_a_quarter_more_or_nothing(fees, limit, expected):
    plan = bump(PLAN, fees, limit)

    assert (None if plan is None else (plan.tip, plan.max_fee)) == expected


def test_choose_fees__limit__is_never_exceeded():
    assert choose_fees(Fees(10, 3), None) == (3, 23)
    assert choose_fees(Fees(10, 30), 20) == (20, 20)


@pytest.mark.parametrize("raw", [b"", b"\x02", b"\x02\xc0", b"hello", b"\x7f" * 40])
def test_read_plan__not_a_transaction__raises_invalid_input(raw):
    with pytest.raises(InvalidInput):
        read_plan(raw)


def test_market__words_of_the_fake__come_back_typed():
    chain = FakeChain(fake_deployment())
    chain.answer("Market", "account_word", lambda account: 7 | 3 << 128)
    chain.answer("Market", "offer_word", lambda account, hash: 2 | 9 << 2)
    market = Market(chain, chain.deployment)

    assert market.account(ZERO_ADDRESS) == AccountWord(free=7, counter=3)
    assert market.offers([(ZERO_ADDRESS, ZERO_HASH)]) == [OfferWord(0, 1, 9)]
