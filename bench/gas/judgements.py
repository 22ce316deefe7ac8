"""Metered deals, bonds that leave, evidence and juries: what the second of each kind costs.

Papers are made up: paths of 6 summaries and 20 receipts stand for trees of 64 and a million.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count

from eth_abi import encode  # type: ignore[attr-defined]

from bench.gas import measures as m
from bench.gas.town import Town
from wasmarket.chain.sending.transactions import ContractCall
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.audits.evidence import (
    NO_RECEIPT,
    NO_SUMMARY,
    Called,
    Summed,
    build_called,
    build_summed,
)
from wasmarket.kernel.documents.merkle import leaf_hash, node_hash
from wasmarket.kernel.documents.receipts import (
    CallStatus,
    Receipt,
    Summary,
    pack_receipt,
    pack_summary,
    receipt_hash,
    value_digest,
)
from wasmarket.kernel.hashing import keccak

Figures = dict[str, int]
UNIT = 10**12
SALT = b"\7" * 32
SIBLINGS = tuple(keccak(b"sibling %d" % n) for n in range(20))
SUMMED_DEPTH, CALLED_DEPTH = 6, 20
JURY = 7
DRAWS = 100


@dataclass(frozen=True, slots=True)
class Trial:
    """An assignment, an epoch of it, and the papers of the peer."""

    assignment: int
    epoch: int
    value: bytes
    summed: Summed
    first: Called
    second: Called


def measure_bonds(town: Town) -> Figures:
    """Bonds that leave, wallets that change, and the pulse."""
    market, provider = town.market, town.providers[0]
    pending = [town.deal_on([1])[0] for _ in range(2)]
    town.wait_epochs()
    town.pulse()
    units, wallets = iter((20, 10)), iter(town.providers)
    figures = {
        m.EVICT_PENDING: _second(town, lambda: market.call("evict", [pending.pop()])),
        m.FEWER_UNITS: _second(town, lambda: market.call("set_units", 2, next(units)), by=provider),
        m.SET_WALLET: _second(
            town, lambda: market.call("set_wallet", 3, next(wallets).address), by=provider
        ),
    }
    town.wait_epochs()
    return figures | {m.PULSE: town.pulse()}


def measure_last_claim(town: Town) -> Figures:
    """The claim after which an ended assignment has nothing left to pay."""
    ids = [town.deal_on([1])[0] for _ in range(2)]
    town.activate(ids)
    town.wait_epochs()
    town.commit([1])
    town.node.send(town.wallet, town.market.call("leave", ids, 48))
    town.wait_epochs(2)
    return {m.CLAIM_LAST: _second(town, lambda: town.market.call("claim", [ids.pop()]))}


def measure_metered(town: Town) -> Figures:
    """Metered deals and their vouchers."""
    town.match_metered([1])
    gas, _ = town.match_metered([1])
    ids = [town.match_metered([1])[1][0] for _ in range(12)]
    town.activate(ids[:1])
    figures = {m.MATCH_METERED: gas, m.ACTIVATE_METERED: town.activate(ids[1:2])}
    town.activate(ids[2:])
    figures[m.REDEEM_FIRST] = _redeem(town, ids[:1], UNIT)
    figures[m.REDEEM] = _redeem(town, ids[:1], 2 * UNIT)
    _redeem(town, ids, 3 * UNIT)
    one = _redeem(town, ids[:1], 4 * UNIT)
    ten = _redeem(town, ids[1:11], 4 * UNIT)
    return figures | {m.REDEEM_MORE: -(-(ten - one) // 9)}


def measure_asks(town: Town) -> Figures:
    """Asks that are answered or not, and contradictions."""
    audits = town.audits
    numbers = count(1)
    trials = _try(town, town.same_provider[:8])
    asked = [town.node.send(town.providers[1], _ask(town, t, 0)) for t in trials[:4]]
    town.node.send(town.providers[1], _ask(town, trials[0], 2**30))
    town.node.send(town.providers[1], _ask(town, trials[1], 2**30))
    answers = [audits.call("answer", next(numbers), t.summed, t.first) for t in trials[:2]]
    idle = [audits.call("answer", 5 + n, trials[n].summed, NO_RECEIPT) for n in range(2)]
    papers = (NO_SUMMARY,)
    links = [
        audits.call("contradict", t.assignment, 2, t.summed, t.first, *papers, t.second, 0, 0)
        for t in trials[4:6]
    ]
    figures = {
        m.ASK: asked[-1],
        m.ANSWER: _last(town, answers),
        m.ANSWER_IDLE: _last(town, idle),
        m.CONTRADICT: _last(town, links),
    }
    town.wait_epochs(4)
    silent = [audits.call("resolve", number) for number in (3, 4)]
    return figures | {m.SILENCE: _last(town, silent)}


def measure_juries(town: Town) -> Figures:
    """Accusations: one jury acquits, another convicts."""
    audits, juror = town.audits, town.providers[2]
    peer = town.each_provider[2]
    seats = [town.node.send(juror, audits.call("take_seat", n, peer)) for n in range(9)]
    trials = _try(town, town.same_provider[:3])
    accusations = [audits.call("accuse", t.assignment, t.summed, t.first) for t in trials]
    figures = {m.SEAT: seats[-1], m.ACCUSE: _last(town, accusations, by=town.providers[1])}
    town.node.now += 2_000
    cases = range(1, 4)
    draws = [audits.call("draw", case) for case in cases]
    _last(town, draws[:-1])
    figures[m.DRAW] = _mean(town, draws[-1])
    town.node.send(town.matcher, draws[-1])
    votes = {1: trials[0].value, 2: trials[1].value, 3: SALT}
    ballots = [(case, place, votes[case]) for case in cases for place in range(JURY)]
    commitments = [
        audits.call("vote", case, place, _commitment(case, place, vote))
        for case, place, vote in ballots
    ]
    figures[m.VOTE] = _last(town, commitments, by=juror)
    town.wait_epochs(3)
    figures[m.SHOW] = _last(town, [audits.call("resolve", case) for case in cases])
    reveals = [audits.call("reveal", *ballot, SALT) for ballot in ballots]
    figures[m.REVEAL] = _last(town, reveals)
    town.wait_epochs(2)
    figures[m.ACQUIT] = _last(town, [audits.call("resolve", case) for case in (1, 2)])
    return figures | {m.CONVICT: _last(town, [audits.call("resolve", 3)])}


def _try(town: Town, peers: Sequence[int]) -> list[Trial]:
    """Let peers run an assignment for an epoch each, and commit to papers that do not link."""
    trials = [_write(town, peer) for peer in peers]
    town.wait_epochs()
    for peer, (root, trial) in zip(peers, trials, strict=True):
        told = town.proofs.call("commit", trial.epoch, [(peer, root)])
        town.node.send(town.wallet, told)
    return [trial for _, trial in trials]


def _write(town: Town, peer: int) -> tuple[bytes, Trial]:
    """Start an assignment; return the root of the epoch begun and its papers."""
    [assignment] = town.deal_on([peer])
    town.activate([assignment])
    deal, epoch = town.newest_deal(), town.epoch
    first = Receipt(
        deal=deal,
        assignment=assignment,
        sequence=0,
        app=SALT,
        function=SALT,
        input=SALT,
        output=SIBLINGS[0],
        status=CallStatus.ANSWERED,
        fuel=50,
        size=9,
        duration_us=9,
        time=town.node.now,
        previous=bytes(32),
    )
    second = replace(first, sequence=1)
    packed = pack_receipt(first), pack_receipt(second)
    leaves = [leaf_hash(entry) for entry in packed]
    shared = SIBLINGS[: CALLED_DEPTH - 1]
    summary = Summary(
        peer=peer,
        epoch=epoch,
        assignment=assignment,
        deal=deal,
        first_sequence=0,
        count=2**CALLED_DEPTH,
        fuel=10**9,
        work=10**12,
        receipts_root=_climb(node_hash(*leaves), shared),
        chain_head=receipt_hash(packed[1]),
    )
    above = SIBLINGS[:SUMMED_DEPTH]
    root = _climb(leaf_hash(pack_summary(summary)), above)
    return root, Trial(
        assignment,
        epoch,
        value_digest(first.output, first.status, first.fuel, first.size),
        build_summed(summary, 0, 2**SUMMED_DEPTH, above),
        build_called(first, 0, (leaves[1], *shared)),
        build_called(second, 1, (leaves[0], *shared)),
    )


def _climb(node: bytes, siblings: tuple[bytes, ...]) -> bytes:
    """Return the root above a leftmost node."""
    for sibling in siblings:
        node = node_hash(node, sibling)
    return node


def _ask(town: Town, trial: Trial, sequence: int) -> ContractCall:
    return town.audits.call("ask", trial.assignment, trial.epoch, sequence)


def _commitment(case: int, place: int, vote: bytes) -> bytes:
    types = ["uint256", "uint256", "bytes32", "bytes32"]
    return keccak(encode(types, [case, place, vote, SALT]))


def _redeem(town: Town, ids: list[int], work: int) -> int:
    vouchers = [town.voucher(number, work) for number in ids]
    return town.node.send(town.matcher, town.meter.call("redeem", vouchers))


def _mean(town: Town, draw: ContractCall) -> int:
    """Return the mean gas of a draw: how often it meets a seat again is chance.

    A node mines with randomness that follows from all blocks before, so from any change of a
    contract; these are the same each time.
    """
    randoms = [keccak(b"random %d" % n) for n in range(DRAWS)]
    costs = [town.node.simulate(town.matcher, draw, random) for random in randoms]
    return -(-sum(costs) // DRAWS)


def _second(town: Town, build: Callable[[], ContractCall], by: Account | None = None) -> int:
    return _last(town, (build() for _ in range(2)), by)


def _last(town: Town, calls: Iterable[ContractCall], by: Account | None = None) -> int:
    """Send calls and return the gas of the last one."""
    return [town.node.send(by or town.matcher, call) for call in calls][-1]
