"""Find out how accounts, offers and peers stand: by the chain, or by the store while it is away."""

from chain.contracts import Market
from kernel.addresses import ZERO_ADDRESS
from kernel.errors import InvalidInput, NotFound, TimedOut, Unreachable
from kernel.units import Address, Hash
from matcher.offer_checks import Standing
from store.chain_state import fetch_account, fetch_cancelled, is_approved
from store.database import Database
from store.peers import fetch_peer


class Standings:
    """Reads the chain's newest block, which may be ahead of the store."""

    def __init__(self, database: Database, market: Market) -> None:
        """Read through `market`, and from `database` when the node does not answer."""
        self._database = database
        self._market = market

    def fetch(self, account: Address, offer: Hash) -> Standing:
        """Return what is known of an account and its offer."""
        try:
            word = self._market.account(account)
            [known] = self._market.offers([(account, offer)])
        except (Unreachable, TimedOut):
            return self._from_store(account, offer)
        return Standing(word.counter, bool(known.approved), bool(known.cancelled))

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

    def _from_store(self, account: Address, offer: Hash) -> Standing:
        with self._database.read() as session:
            return Standing(
                counter=fetch_account(session, account).counter,
                approved=is_approved(session, account, offer),
                cancelled=bool(fetch_cancelled(session, [(account, offer)])),
            )
