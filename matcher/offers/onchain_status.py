"""Find out how accounts, offers and peers stand: by the chain, or by the store while it is away."""

from matcher.offers.validation import OnchainStatus
from wasmarket.chain.contracts.bindings import Market
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.errors import InvalidInput, NotFound, TimedOut, Unreachable
from wasmarket.kernel.units import Address, Hash
from wasmarket.store.chain.peers import fetch_peer
from wasmarket.store.chain.state import fetch_account, fetch_cancelled, is_approved
from wasmarket.store.database import Database


class OnchainStatusReader:
    """Reads the chain's newest block, which may be ahead of the store."""

    def __init__(self, database: Database, market: Market) -> None:
        """Read through `market`, and from `database` when the node does not answer."""
        self._database = database
        self._market = market

    def fetch(self, account: Address, offer: Hash) -> OnchainStatus:
        """Return what is known of an account and its offer."""
        try:
            word = self._market.account(account)
            [known] = self._market.offers([(account, offer)])
        except (Unreachable, TimedOut):
            return self._from_store(account, offer)
        return OnchainStatus(word.counter, bool(known.approved), bool(known.cancelled))

    def fetch_provider(self, peer: int) -> Address:
        """Return the account that owns a peer. Raises InvalidInput for an unknown peer."""
        try:
            with self._database.read() as session:
                return Address(fetch_peer(session, peer).provider)
        except NotFound:
            return self._provider_on_chain(peer)

    def _provider_on_chain(self, peer: int) -> Address:
        [word] = self._market.peers([peer])
        if word.provider == ZERO_ADDRESS:
            raise InvalidInput(
                f"there is no peer {peer}",
                field="peer",
                remedy="register the peer first (`wasmarket peer register`)",
            )
        return word.provider

    def _from_store(self, account: Address, offer: Hash) -> OnchainStatus:
        with self._database.read() as session:
            return OnchainStatus(
                counter=fetch_account(session, account).counter,
                approved=is_approved(session, account, offer),
                cancelled=bool(fetch_cancelled(session, [(account, offer)])),
            )
