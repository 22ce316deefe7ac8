"""A store that is given blocks of events, for tests of what it then says."""

from indexer.apply import apply_logs
from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.reading.follower import Follower
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.units import Hash, Timestamp
from wasmarket.store.chain.state import fetch_account, fetch_indexed
from wasmarket.store.chain.writer import ChainWriter
from wasmarket.testing.fake_chain import FakeChain, fake_deployment


class Indexed:
    """A store that is given blocks of events."""

    def __init__(self, database):
        self.database = database
        self.deployment: Deployment = fake_deployment()
        self.chain = FakeChain(self.deployment)
        self.writer = ChainWriter(database, self.deployment)
        self.writer.open()
        self._follower = Follower(self.chain, self.deployment, Decoder(self.deployment))
        self._tail = []

    def mine(self, *logs, epochs: int = 0, tx_hash: Hash | None = None):
        """Index a block with these events, some epochs after the last."""
        self.chain.mine(*logs, seconds=60 * epochs, tx_hash=tx_hash)
        for block in self._follower.poll(self._tail):
            self.writer.apply(
                block.ref, lambda rows, block=block: apply_logs(rows, self.deployment, [block])
            )
            self._tail.append(block.ref)

    @property
    def epoch(self) -> int:
        return self.deployment.epoch_of(Timestamp(self.chain.head.timestamp))

    def read(self, query, *arguments, **options):
        with self.database.read() as session:
            return query(session, *arguments, **options)

    def settled(self, query, *arguments, **options):
        with self.database.read() as session:
            return query(session, fetch_indexed(session), *arguments, **options)

    def free(self, account) -> int:
        return self.read(fetch_account, account).free
