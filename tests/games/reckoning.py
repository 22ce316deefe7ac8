"""After a game: who was fined, who was caught, what was paid, and that all of it adds up."""

from types import SimpleNamespace
from typing import Any

from peer.vouchers.credit import find_redeemable
from tests.games.game import PHASE_BLOCKS, SEATS, Game, seat_fines
from tests.games.honest_peer import TERMS, HonestPeer
from tests.games.liar import OVERSTATED, WRONG_OUTPUT
from wasmarket.chain.contracts.bindings import Erc20, Staking
from wasmarket.kernel import events
from wasmarket.kernel.billing import due
from wasmarket.kernel.events.audits import CaseKind, CaseOutcome
from wasmarket.kernel.reasons import EndKind
from wasmarket.kernel.signing.usage import parse_voucher
from wasmarket.kernel.units import FLT
from wasmarket_cli.local.money import read_money

REDEEM_TURNS = 3
FINED = (EndKind.EVICTED, EndKind.CONVICTED)


def check_the_honest(game: Game) -> None:
    """No honest bond was touched, no seat fined, no honest peer called a liar or given up."""
    world = game.world
    numbers = {peer.number for peer in [*game.peers, *game.jurors]}
    held = {e.assignment for e in world.events(events.Assigned) if e.peer in numbers}
    ended = [e for e in world.events(events.Ended) if e.assignment in held and e.kind in FINED]
    assert ended == []
    assert [e for e in world.events(events.Contradicted) if e.assignment in held] == []
    units = [peer.units for peer in world.market.peers(sorted(numbers))]
    assert units == [4] * len(numbers)
    bond = world.deployment.parameters.bond_per_unit
    for account, peers in zip(game.providers, (game.peers, game.jurors), strict=True):
        locked = sum(4 * bond for _ in peers)
        stakes = [_staking(game).read(name, account.address) for name in ("free", "locked")]
        assert stakes == [10_000 * FLT - locked, locked]
    assert seat_fines(world) == [0] * SEATS
    assert game.meter.process is not None
    lines = list(game.meter.process.journal.read())
    assert [line for line in lines if _accuses(line, held)] == []
    missed = [e for e in lines if e["what"] == "missed" and e["assignment"] in held]
    # Where the chain stood still nobody could commit.
    assert [e for e in missed if _blocks_of(game, e["epoch"] + 1) >= PHASE_BLOCKS] == []


def _blocks_of(game: Game, epoch: int) -> int:
    head = game.world.rpc.fetch_head().number
    times = [ref.timestamp for ref in game.world.rpc.fetch_headers(range(head + 1)) if ref]
    return sum(game.world.deployment.epoch_of(time) == epoch for time in times)


def _accuses(line: dict[str, Any], held: set[int]) -> bool:
    bad = ("lied", "gave up", "asked", "accused", "contradicted", "dropped")
    return line["what"] in bad and line.get("assignment") in held


def check_the_liars(game: Game) -> None:
    """Every liar is convicted, or was paid for its honest epochs alone."""
    world = game.world
    opened = {e.case: e for e in world.events(events.Opened) if e.by == game.meter.account.address}
    void = {
        opened[e.case].assignment
        for e in world.events(events.Closed)
        if e.case in opened and e.outcome == CaseOutcome.VOID
    }
    for liar in game.liars:
        lied = liar.lied_in()
        if not lied or not liar.has_proof():
            continue
        number = liar.peer.assignment
        book = game.meter.process.journal.book(number)
        assert book.is_given_up, liar.name
        works = [parse_voucher(line).usage.work for line in liar.peer.vouchers]
        assert max(works, default=0) <= liar.true_work(), liar.name
        if liar.name == OVERSTATED or (liar.name == WRONG_OUTPUT and number in void):
            continue
        assert liar.is_convicted, liar.name


def check_the_journal(game: Game) -> None:
    """Each epoch is judged once, each amount signed once, and what is signed is what was done."""
    process = game.meter.process
    assert process is not None
    judged: list[tuple[int, int]] = []
    signed: dict[int, list[int]] = {}
    true: dict[int, int] = {}
    for line in process.journal.read():
        if line["what"] in ("checked", "missed", "lied"):
            judged.append((line["assignment"], line["epoch"]))
            true[line["assignment"]] = true.get(line["assignment"], 0) + line.get("work", 0)
        elif line["what"] == "undone":
            judged.remove((line["assignment"], line["epoch"]))
        elif line["what"] == "signed":
            signed.setdefault(line["assignment"], []).append(line["work"])
    assert len(judged) == len(set(judged))
    for number, works in signed.items():
        assert works == sorted(set(works)), number
        assert works[-1] <= true[number], number
    asked = [
        (e.assignment, e.epoch)
        for e in game.world.events(events.Opened)
        if e.by == game.meter.account.address and e.kind == CaseKind.ASK
    ]
    assert len(asked) == len(set(asked))
    assert process.journal.spent <= 400 * FLT


def check_the_pay(game: Game) -> None:
    """Honest peers were signed for what they did in epochs that they proved; no unit is lost."""
    for peer in game.peers:
        for held in peer.find_served():
            if not peer.view.deals[held.deal].is_metered:
                continue
            book = game.meter.process.journal.book(held.id)
            proven = [
                line["work"]
                for line in game.meter.process.journal.read()
                if line["what"] == "checked" and line["assignment"] == held.id
            ]
            assert book.signed == sum(proven)
            assert peer.papers.vouchers.work_of(held.id) == book.signed
            assert held.paid <= due(book.signed, held.price)
            assert any(not _find_redeemable(peer) for _ in range(REDEEM_TURNS))
    check_usdc(game)
    check_flt(game)


def _find_redeemable(peer: HonestPeer) -> tuple[int, ...]:
    """Let a peer take a turn; return the assignments whose vouchers it still is to redeem."""
    peer.step()
    works = peer.papers.read_work(TERMS)
    return find_redeemable(peer.view, works.signed, works.done, TERMS)


def check_usdc(game: Game) -> None:
    """All USDC is somebody's, and Market owes what it holds (invariants 1, 24, 25)."""
    world = game.world
    wiring: Any = SimpleNamespace(
        rpc=world.rpc,
        market=world.market,
        lens=world.lens,
        usdc=Erc20(world.rpc, world.deployment.usdc.address),
    )
    read_money(wiring, _accounts(game)).check()


def check_flt(game: Game) -> None:
    """All FLT is somebody's or burned, in Staking and in Audits (invariants 2, 26, 31)."""
    world = game.world
    flt, staking, audits = (
        Erc20(world.rpc, world.deployment.flt.address),
        _staking(game),
        world.audits,
    )
    accounts = list(_accounts(game).values())
    stakes = sum(
        staking.read("free", a) + staking.read("locked", a) + staking.read("leaving", a)[0]
        for a in accounts
    )
    assert flt.balance(staking.address) == stakes
    rules = world.deployment.parameters
    owed = audits.read("burned") + sum(audits.free(a) for a in accounts)
    owed += SEATS * rules.seat - sum(seat_fines(world)) * (rules.seat // 5)
    closed = {e.case for e in world.events(events.Closed)}
    for event in world.events(events.Opened):
        if event.case not in closed:
            is_ask = event.kind == CaseKind.ASK
            owed += rules.ask_fee if is_ask else rules.stake + 7 * rules.juror_fee
    assert flt.balance(audits.address) == owed
    wallets = sum(flt.balance(a) for a in accounts)
    held = flt.balance(staking.address) + flt.balance(audits.address)
    assert wallets + held == flt.read("totalSupply")


def _staking(game: Game) -> Any:
    return Staking(game.world.rpc, game.world.deployment)


def _accounts(game: Game) -> dict[str, Any]:
    world = game.world
    named = {
        "deployer": world.deployer,
        "provider": world.provider,
        "developer": world.developer,
        "stranger": world.stranger,
        "meter": game.meter.account,
        **{f"provider {n}": account for n, account in enumerate(game.providers)},
        **{peer.name: peer.wallet for peer in [*game.peers, *game.jurors]},
        **{liar.name: liar.peer.wallet for liar in game.liars},
    }
    return {name: account.address for name, account in named.items()}
