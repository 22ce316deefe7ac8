"""The chain as a witness: its words at one block, from a node that still has them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, TypeVar

from matcher.engine.values import Peer
from matcher.offers.funding import PermitRules, Purse, fetch_permit_rules, fetch_purses
from wasmarket.chain.contracts.bindings import Erc20, Market, MarketLens
from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.contracts.packed_words import AccountWord, OfferWord, PeerExtraWord, PeerWord
from wasmarket.chain.contracts.views import OnchainAssignment, OnchainDeal
from wasmarket.chain.errors import RpcError
from wasmarket.chain.reading.blocks import BlockRef
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.chain.sending.broadcast import MinedReceipt
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.errors import NotFound, Unreachable
from wasmarket.kernel.events import Event
from wasmarket.kernel.signing.typed_data import Domain, market_domain
from wasmarket.kernel.units import Address, BlockNumber, Hash, Timestamp

Answer = TypeVar("Answer")


class NoState(Unreachable):
    """The node no longer has the state of that block"""

    slug = "no-state"


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction: where it was mined, what it called, and the events of our contracts."""

    block: BlockNumber
    to: str
    data: bytes
    succeeded: bool
    events: tuple[Event, ...]


class Witness:
    """Asks a node. Every method raises Unreachable, TimedOut; NoState where state is gone."""

    def __init__(self, rpc: Rpc, deployment: Deployment) -> None:
        """Read the contracts of `deployment` through `rpc`."""
        self.deployment = deployment
        self.rpc = rpc
        self.usdc = Erc20(rpc, deployment.usdc.address)
        self._market = Market(rpc, deployment)
        self._lens = MarketLens(rpc, deployment)

    @property
    def domain(self) -> Domain:
        """The EIP-712 domain of offers."""
        return market_domain(self.deployment.chain_id, self.deployment.market)

    def header(self, block: int) -> BlockRef:
        """Return a block of the chain. Raises NotFound."""
        [found] = self.rpc.fetch_headers([block])
        if found is None:
            raise NotFound(f"{self.rpc.origin} has no block {block}", field="block")
        return found

    def peers(self, ids: Sequence[int], block: int) -> dict[int, Peer]:
        """Return the peers of these numbers that the chain knew at a block."""
        words: list[PeerWord] = self._at(block, self._market.peers, ids)
        extras: list[PeerExtraWord] = self._at(block, self._market.peer_extras, ids)
        return {
            id_: Peer(
                id=id_,
                provider=word.provider,
                units=word.units,
                used=word.used,
                memory_mib=word.memory_mib,
                region=word.region,
                traits=extra.traits,
            )
            for id_, word, extra in zip(ids, words, extras, strict=True)
            if word.provider != ZERO_ADDRESS
        }

    def accounts(self, addresses: Sequence[Address], block: int) -> dict[Address, AccountWord]:
        """Return free balances and counters at a block."""
        words: list[AccountWord] = self._at(block, self._market.accounts, addresses)
        return dict(zip(addresses, words, strict=True))

    def offers(
        self, offers: Sequence[tuple[Address, Hash]], block: int
    ) -> dict[tuple[Address, Hash], OfferWord]:
        """Return what the chain knew of offers at a block."""
        words: list[OfferWord] = self._at(block, self._market.offers, offers)
        return dict(zip(offers, words, strict=True))

    def deals(self, ids: Sequence[int], block: int) -> dict[int, OnchainDeal]:
        """Return deals, settled at a block."""
        views: list[OnchainDeal] = self._at(block, self._lens.deals, ids)
        return dict(zip(ids, views, strict=True))

    def assignments(self, ids: Sequence[int], block: int) -> dict[int, OnchainAssignment]:
        """Return assignments, settled at a block."""
        views: list[OnchainAssignment] = self._at(block, self._lens.assignments, ids)
        return dict(zip(ids, views, strict=True))

    def purses(self, accounts: Sequence[Address], block: int) -> dict[Address, Purse]:
        """Return what accounts held at a block: free balance, tokens, and Market's allowance."""
        if not accounts:
            return {}
        free = {owner: word.free for owner, word in self.accounts(accounts, block).items()}
        return self._at(block, partial(fetch_purses, self.usdc, self.deployment.market, free))

    def permit_rules(self, owners: Sequence[Address], block: int) -> PermitRules:
        """Return what permits of accounts had to be like at a block."""
        return self._at(
            block,
            partial(
                fetch_permit_rules, self.usdc, self._token_domain, self.deployment.market, owners
            ),
        )

    @cached_property
    def _token_domain(self) -> Domain:
        return self.usdc.permit_domain(self.deployment.chain_id)

    def purse(self, account: Address, block: int) -> int:
        """Return what an account could pay at a block: free balance and tokens in reach."""
        [word] = self.accounts([account], block).values()
        held = self._at(block, self.usdc.balance, account)
        allowed = self._at(block, self.usdc.allowance, account, self.deployment.market)
        return word.free + min(held, allowed)

    def transaction(self, tx: Hash) -> Mined | None:
        """Return a mined transaction, None for one that the node does not know."""
        receipt = self.rpc.request("eth_getTransactionReceipt", [tx], MinedReceipt | None)
        sent = self.rpc.request("eth_getTransactionByHash", [tx])
        if receipt is None or sent is None:
            return None
        decoder = Decoder(self.deployment)
        logs = decoder.decode_all(receipt.logs, {receipt.block_hash: Timestamp(0)})
        return Mined(
            block=BlockNumber(receipt.number),
            to=str(sent.get("to") or ""),
            data=bytes.fromhex(str(sent.get("input", "0x"))[2:]),
            succeeded=int(receipt.status, 16) == 1,
            events=tuple(log.event for log in logs),
        )

    def _at(self, block: int, read: Callable[..., Answer], *args: Any) -> Answer:
        try:
            return read(*args, block=block)
        except RpcError as error:
            raise NoState(
                f"{self.rpc.origin} cannot answer for block {block}: {error.detail}",
                field="chain.rpc",
                remedy="verify against an archive node: set [chain] rpc to one",
            ) from error
