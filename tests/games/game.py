"""One game: honest programs with every kind of trouble, liars, strangers; then the reckoning."""

import base64
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from meter.run import MeterProcess
from meter.seen import CallSeen
from tests.games import truth
from tests.games.bad_node import BadNode, connect
from tests.games.front import Front
from tests.games.honest_peer import HonestPeer
from tests.games.liar import ALL_LIES, WRONG_INPUT, Liar
from tests.games.power import Power, PowerCut
from tests.games.storms import Storms
from tests.games.strangers import Strangers
from tests.meter.lying_peer import LyingPeer, build_app
from tests.meter.metering import build_meter, fund
from tests.peer.market_world import PARAMETERS, MarketWorld
from wasmarket.chain.development.dev_accounts import dev_accounts
from wasmarket.kernel import events
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.hashing import sha256

PHASE_BLOCKS = 30
GAMES_PARAMETERS = replace(PARAMETERS, accept_blocks=20, phase_blocks=PHASE_BLOCKS)
"""As on a public chain: a halt makes nobody late. An epoch has about sixty blocks."""
SEATS = 8
BUDGET = 400
ROUND_SECONDS, CALM_SECONDS = 14, 24
LEAST_CALM = 2


class Party(Protocol):
    """An honest program."""

    node: BadNode

    @property
    def is_running(self) -> bool: ...
    def start(self) -> None: ...
    def step(self) -> None: ...
    def kill(self) -> None: ...


class HonestMeter:
    """The developer's meter as it ships; `start` after each `kill`."""

    def __init__(self, world: MarketWorld, folder: Path, power: Power, rng: random.Random) -> None:
        self._world, self._folder = world, folder
        self.account = world.next_wallet()
        fund(world, self.account)
        self.rpc, self.node = connect(world.anvil.url, power, rng)
        self.process: MeterProcess | None = None

    @property
    def is_running(self) -> bool:
        """Whether it was started and not killed since."""
        return self.process is not None

    def start(self) -> None:
        """Read the journal and go on."""
        self.process = build_meter(
            self._world,
            self._folder,
            self.account,
            execute=truth.run_all_again,
            rpc=self.rpc,
            rerun_percent=100.0,
            accuse=True,
            budget_flt=BUDGET,
        )
        self.process.seen._folder.mkdir(parents=True, exist_ok=True)
        wrong = self.process.seen._folder / sha256(WRONG_INPUT).hex()
        wrong.write_bytes(WRONG_INPUT)

    def step(self) -> None:
        """Take a turn."""
        assert self.process is not None
        self.process.metering.step()

    def kill(self) -> None:
        """End at once; the operating system gives the lock back."""
        process, self.process = self.process, None
        if process is not None:
            process.close()


class Game:
    """Everybody of one game; `play` it, then look at what is left."""

    def __init__(
        self,
        world: MarketWorld,
        front: Front,
        folder: Path,
        power: Power,
        seed: int,
        lies: int,
    ) -> None:
        self.world, self.power = world, power
        self.rng = rng = random.Random(seed)
        self.inputs: dict[bytes, bytes] = {sha256(WRONG_INPUT): WRONG_INPUT}
        self.providers = dev_accounts()[4:6]
        for account in self.providers:
            world.stake(account)
        self.meter = HonestMeter(world, folder / "meter", power, rng)

        def make_peer(name: str, provider: int) -> HonestPeer:
            return HonestPeer(
                world,
                front,
                folder / name,
                name,
                power,
                rng,
                self.inputs,
                self.providers[provider],
                copies=(str(folder / f"{name}-copy"),) if rng.random() < 0.5 else (),
            )

        self.peers = [make_peer(f"peer{n}", 0) for n in range(2)]
        self.jurors = [make_peer("juror", 1)]
        for seat in range(SEATS):
            take = world.audits.call("take_seat", seat, self.jurors[0].number)
            world.send(self.providers[1], take)
        for peer in self.peers:
            world.match(truth.APP_HASH, [peer.number], meter=self.meter.account.address)
            world.match(truth.APP_HASH, [peer.number])
        self.liars = self._make_liars(front, lies)
        self.strangers = Strangers(world, self.peers, rng)
        self.storms = Storms(world, rng)
        self.counts: Counter[str] = Counter()

    def _make_liars(self, front: Front, count: int) -> list[Liar]:
        made = []
        for number, name in enumerate(self.rng.sample(sorted(ALL_LIES), count), 1):
            peer = LyingPeer(self.world, front.url, number)
            front.apps[str(number)] = build_app(peer)
            made.append(Liar(name, peer, self.world, self.meter.account.address))
        return made

    @property
    def parties(self) -> list[Party]:
        """The honest programs."""
        return [*self.peers, *self.jurors, self.meter]

    def play(self, stormy: int, calm: int) -> None:
        """Play so many epochs in storms, then in calm until nothing is open, `calm` at most."""
        begun = self.world.epoch
        halt_at = begun + self.rng.randint(1, max(1, stormy - 1))
        self._take_turns(self._calm_turn)
        while self.world.epoch < begun + stormy:
            if self.world.epoch == halt_at:
                halt_at = 0
                self.storms.halt(self.rng.randint(1, 3) * PARAMETERS.epoch_seconds)
            if self.rng.random() < 0.2:
                self.storms.reorganise()
            self._take_turns(self._stormy_turn)
            self._play_round()
            if self.rng.random() < 0.6:
                self.strangers.step()
            self.storms.pass_time(self.rng.randint(2, ROUND_SECONDS))
        begun = self.world.epoch
        while self.world.epoch < begun + LEAST_CALM or (
            not self._is_settled() and self.world.epoch < begun + calm
        ):
            self._play_round()
            self.storms.pass_time(CALM_SECONDS)
        self._take_turns(self._calm_turn)

    def _is_settled(self) -> bool:
        assert self.meter.process is not None
        opened = len(self.world.events(events.Opened))
        books = [self.meter.process.journal.book(liar.peer.assignment) for liar in self.liars]
        return len(self.world.events(events.Closed)) == opened and all(
            book.is_given_up for book in books
        )

    def _play_round(self) -> None:
        """Let everybody have a turn in calm."""
        self.strangers.pulse()
        self._serve_calls()
        for liar in self.liars:
            liar.step()
        self._take_turns(self._calm_turn)

    def _take_turns(self, turn: Callable[[Party], None]) -> None:
        parties = self.parties
        self.rng.shuffle(parties)
        for party in parties:
            turn(party)

    def _calm_turn(self, party: Party) -> None:
        if not party.is_running:
            party.start()
        party.step()

    def _stormy_turn(self, party: Party) -> None:
        rng, node = self.rng, party.node
        node.trouble = rng.choice((0.0, 0.1, 0.3))
        node.lag = rng.choice((0, 0, 0, rng.randint(1, 4)))
        point = rng.choice((0, rng.randint(1, 12), rng.randint(1, 80)))
        try:
            with self.power.failing_at(point):
                if not party.is_running:
                    party.start()
                party.step()
        except PowerCut:
            party.kill()
            self.counts["killed"] += 1
        except (MarketError, OSError) as error:
            self.counts[type(error).__name__] += 1
        finally:
            node.trouble, node.lag = 0.0, 0

    def _serve_calls(self) -> None:
        process = self.meter.process
        for peer in self.peers:
            if not peer.is_running:
                continue
            for held in peer.find_served():
                for _ in range(self.rng.randint(0, 2) if peer.has_credit(held) else 0):
                    body = self.rng.randbytes(4)
                    self.inputs[sha256(body)] = body
                    served = peer.call(held, body, wants_head=self.rng.random() < 0.3)
                    self.counts["calls"] += 1
                    if process is None:
                        continue
                    try:
                        process.seen.take(CallSeen(served.receipt, _to_base64(body)))
                        if served.head is not None:
                            process.heads.take_signed([served.head])
                    except MarketError as error:
                        self.counts[f"told: {type(error).__name__}"] += 1

    def close(self) -> None:
        """End everybody."""
        for party in self.parties:
            party.kill()


def seat_fines(world: MarketWorld) -> list[int]:
    """Return the fines of each seat."""
    words = [world.audits.read("seat_word", seat) for seat in range(SEATS)]
    return [word >> 112 & 0xFF for word in words]


def _to_base64(body: bytes) -> str:
    return base64.b64encode(body).decode()
