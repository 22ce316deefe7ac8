"""What following must do on every chain: one class, run against Anvil and against the fake."""

import threading

import pytest

from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.errors import ReorgTooDeep
from wasmarket.chain.reading.blocks import Block, BlockRef, Rollback
from wasmarket.chain.reading.follower import Follower
from wasmarket.kernel.addresses import ZERO_ADDRESS, ZERO_HASH
from wasmarket.kernel.events import Committed, Deposited, Event, PeerUnits, Stake
from wasmarket.kernel.units import BlockNumber, Hash, Timestamp

DEPOSIT = Deposited(ZERO_ADDRESS, 5, 5)
UNITS = PeerUnits(3, 8)
STAKE = Stake(ZERO_ADDRESS, 1, 2)
COMMITTED = Committed(3, 4, ZERO_HASH)


class Store:
    """A caller: applies and undoes what the follower says, and keeps a tail."""

    def __init__(self, depth: int = 64) -> None:
        self.blocks: list[Block] = []
        self.updates: list[Block | Rollback] = []
        self.depth = depth

    def tail(self) -> list[BlockRef]:
        return [block.ref for block in self.blocks[-self.depth :]]

    def apply(self, update: Block | Rollback) -> None:
        self.updates.append(update)
        if isinstance(update, Rollback):
            self.blocks = [b for b in self.blocks if b.ref.number <= update.to.number]
        else:
            self.blocks.append(update)

    def sync(self, follower: Follower) -> None:
        for update in follower.poll(self.tail()):
            self.apply(update)

    @property
    def events(self) -> list[Event]:
        return [log.event for block in self.blocks for log in block.logs]

    @property
    def tip(self) -> BlockRef:
        return self.blocks[-1].ref

    @property
    def rollbacks(self) -> list[int]:
        return [update.to.number for update in self.updates if isinstance(update, Rollback)]


class FollowingTests:
    """Needs a `world` fixture: reader, deployment, mine, mine_many, reorg, rollback."""

    @pytest.fixture
    def follower(self, world):
        return Follower(world.reader, world.deployment, Decoder(world.deployment), patience=3)

    @pytest.fixture
    def store(self):
        return Store()

    def test_poll__from_nothing__gives_every_block_and_its_events(self, world, follower, store):
        world.mine(DEPOSIT, UNITS)
        world.mine()
        head = world.mine(STAKE, COMMITTED)

        store.sync(follower)

        assert store.events == [DEPOSIT, UNITS, STAKE, COMMITTED]
        numbers = [block.ref.number for block in store.blocks]
        assert numbers == list(range(world.deployment.block, head.number + 1))
        assert store.tip == head

    def test_poll__logs__say_where_and_when(self, world, follower, store):
        ref = world.mine(DEPOSIT, STAKE)

        store.sync(follower)

        first, second = store.blocks[-1].logs
        assert (first.block_number, first.block_hash) == (ref.number, ref.hash)
        assert first.timestamp == ref.timestamp
        assert first.address == world.deployment.market
        assert second.address == world.deployment.staking
        assert (first.log_index, second.log_index) == (0, 1)

    def test_poll__nothing_new__gives_nothing(self, world, follower, store):
        world.mine(DEPOSIT)
        store.sync(follower)

        assert list(follower.poll(store.tail())) == []

    def test_poll__reorg__undoes_to_the_common_block_and_reads_the_new_fork(
        self, world, follower, store
    ):
        kept = world.mine(DEPOSIT)
        world.mine(UNITS)
        world.mine(STAKE)
        store.sync(follower)

        world.reorg(2, [COMMITTED], [DEPOSIT])
        store.sync(follower)

        assert store.rollbacks == [kept.number]
        assert store.events == [DEPOSIT, COMMITTED, DEPOSIT]
        assert store.tip.hash == world.reader.fetch_head().hash

    def test_poll__reorg_to_empty_blocks__forgets_the_events(self, world, follower, store):
        world.mine(DEPOSIT)
        world.mine(UNITS)
        store.sync(follower)

        world.reorg(1)
        store.sync(follower)

        assert store.events == [DEPOSIT]

    def test_poll__reorg_between_two_updates__ends_early_and_recovers(self, world, follower, store):
        for _ in range(3):
            world.mine(UNITS)
        updates = follower.poll([])
        store.apply(next(updates))

        world.reorg(3, [STAKE], [], [COMMITTED])
        for update in updates:
            store.apply(update)
        store.sync(follower)
        store.sync(follower)

        assert store.events == [STAKE, COMMITTED]

    def test_poll__head_below_cursor__waits_then_undoes(self, world, follower, store):
        kept = world.mine(DEPOSIT)
        world.mine(UNITS)
        world.mine(STAKE)
        store.sync(follower)

        world.rollback(2)
        store.sync(follower)
        store.sync(follower)
        assert store.rollbacks == []
        store.sync(follower)

        assert store.rollbacks == [kept.number]
        assert store.events == [DEPOSIT]

    def test_poll__head_was_late__goes_on_without_undoing(self, world, follower, store):
        world.mine(DEPOSIT)
        store.sync(follower)
        ahead = BlockRef(
            BlockNumber(store.tip.number + 1), Hash("0x" + "11" * 32), ZERO_HASH, Timestamp(0)
        )

        assert list(follower.poll([*store.tail(), ahead])) == []

    def test_poll__reset_chain__says_index_again(self, world, follower):
        world.mine_many(3)
        strange = [
            BlockRef(BlockNumber(number), Hash(f"0x{number:064x}"), ZERO_HASH, Timestamp(0))
            for number in (2, 3)
        ]

        with pytest.raises(ReorgTooDeep) as caught:
            list(follower.poll(strange))

        assert "index again" in caught.value.remedy

    def test_poll__cursor_beyond_another_chain__says_index_again(self, world, follower):
        beyond = BlockRef(BlockNumber(10_000), Hash("0x" + "11" * 32), ZERO_HASH, Timestamp(0))

        with pytest.raises(ReorgTooDeep):
            list(follower.poll([beyond]))

    def test_poll__reorg_deeper_than_the_tail__says_index_again(self, world, follower, store):
        for _ in range(4):
            world.mine(UNITS)
        store.sync(follower)
        store.depth = 2

        world.reorg(3, [STAKE])

        with pytest.raises(ReorgTooDeep):
            store.sync(follower)

    def test_poll__far_behind__skips_empty_blocks_only(self, world, store):
        follower = Follower(world.reader, world.deployment, Decoder(world.deployment), depth=5)
        first = world.mine(DEPOSIT)
        world.mine_many(40)
        second = world.mine(UNITS)
        head = world.mine_many(20)

        store.sync(follower)

        numbers = [block.ref.number for block in store.blocks]
        assert store.events == [DEPOSIT, UNITS]
        assert {first.number, second.number} < set(numbers)
        assert numbers[-6:] == list(range(head.number - 5, head.number + 1))
        assert len(numbers) < 15
        assert numbers == sorted(numbers)

    def test_poll__confirmations__stays_behind_the_head(self, world, store):
        follower = Follower(
            world.reader, world.deployment, Decoder(world.deployment), confirmations=2
        )
        world.mine(DEPOSIT)
        world.mine(UNITS)
        head = world.mine()

        store.sync(follower)

        assert store.tip.number == head.number - 2
        assert store.events == [DEPOSIT]

    def test_follow__until_stopped__sees_later_blocks(self, world, follower, store):
        stop = threading.Event()
        world.mine(DEPOSIT)
        later = [lambda: world.mine(UNITS), lambda: world.reorg(1, [STAKE]), stop.set]

        for update in follower.follow(store.tail, stop, 0.001):
            store.apply(update)
            if store.tip.hash == world.reader.fetch_head().hash:
                later.pop(0)()

        assert store.events == [DEPOSIT, STAKE]
        assert later == []
