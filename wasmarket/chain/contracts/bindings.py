"""Our contracts as values: functions encoded by name, views decoded, by the committed ABI."""

from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

from wasmarket.chain.contracts.abi import Abi, Function, load_abi
from wasmarket.chain.contracts.fills import NO_PERMIT, MatchPermit, SignedFill
from wasmarket.chain.contracts.packed_words import (
    AccountWord,
    AssignmentWord,
    DealWord,
    OfferWord,
    PeerExtraWord,
    PeerWord,
    Word,
)
from wasmarket.chain.contracts.views import (
    OnchainAssignment,
    OnchainDeal,
    OnchainPeer,
    OnchainStake,
)
from wasmarket.chain.reading.blocks import BlockTag, Reader
from wasmarket.chain.sending.transactions import ContractCall
from wasmarket.kernel.addresses import raw
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.errors import Conflict, MarketError
from wasmarket.kernel.signing.offers import DeveloperOffer
from wasmarket.kernel.signing.signatures import Signature
from wasmarket.kernel.signing.typed_data import Domain
from wasmarket.kernel.signing.usage import Voucher
from wasmarket.kernel.units import Address, Hash

WordT = TypeVar("WordT", bound=Word)

ERC20_ABI = "TestUSDC"
"""The functions of every ERC-20 with EIP-2612 permits have the names that ours has."""

PERMIT_VERSIONS = ("1", "2")
"""Domain versions of tokens in use; USDC's is 2."""


class ContractBinding:
    """One contract at one address."""

    def __init__(self, reader: Reader, address: Address, abi: Abi) -> None:
        self.address = address
        self._reader = reader
        self._abi = abi

    def call(self, function: str, *args: Any) -> ContractCall:
        """Encode a call to send. Structs may be dataclasses, mappings or sequences.

        Raises InvalidInput for an unknown function or an argument that does not fit.
        """
        data = self._abi.function(function).encode(args)
        return ContractCall(self.address, data, f"{self._abi.contract}.{function}", arguments=args)

    def read(self, function: str, *args: Any, block: BlockTag = "latest") -> Any:
        """Call a view and return its output, several as a tuple. Raises Reverted, WrongChain."""
        known = self._abi.function(function)
        return known.decode_output(self._reader.call(self.address, known.encode(args), block=block))

    def read_many(
        self, function: str, many: Sequence[Sequence[Any]], block: BlockTag = "latest"
    ) -> list[Any]:
        """Call a view once per list of arguments, batched. Raises Reverted, WrongChain."""
        return read_views(self._reader, [(self, function, args) for args in many], block)

    def find_function(self, name: str) -> Function:
        """Return what encodes and decodes a function. Raises InvalidInput."""
        return self._abi.function(name)


View = tuple[ContractBinding, str, Sequence[Any]]
"""A contract, its function, the arguments."""


def read_views(reader: Reader, views: Sequence[View], block: BlockTag = "latest") -> list[Any]:
    """Call views of any contracts, batched, and return their outputs.

    Raises Reverted, WrongChain.
    """
    known = [contract.find_function(name) for contract, name, _ in views]
    calls = [
        (contract.address, function.encode(args))
        for function, (contract, _, args) in zip(known, views, strict=True)
    ]
    outputs = []
    for function, answer in zip(known, reader.call_many(calls, block=block), strict=True):
        if isinstance(answer, MarketError):
            raise answer
        outputs.append(function.decode_output(answer))
    return outputs


class _Deployed(ContractBinding):
    name: ClassVar[str]

    def __init__(self, reader: Reader, deployment: Deployment) -> None:
        super().__init__(reader, deployment.contracts[self.name].address, load_abi(self.name))
        self._chain_id = deployment.chain_id


class Market(_Deployed):
    """The market; words are read in batches and belong to one block."""

    name = "Market"

    def match(
        self,
        offer: DeveloperOffer,
        signature: Signature,
        fills: Sequence[SignedFill],
        current: Sequence[int] = (),
        permit: MatchPermit = NO_PERMIT,
    ) -> ContractCall:
        """Encode a match or refill; `current` are the deal's live assignments, ascending."""
        return self.call("match", offer, signature.r, signature.vs, fills, current, permit)

    def accounts(
        self, addresses: Sequence[Address], block: BlockTag = "latest"
    ) -> list[AccountWord]:
        """Return free balances and counters."""
        return self._words(AccountWord, "account_word", [(a,) for a in addresses], block)

    def account(self, address: Address, block: BlockTag = "latest") -> AccountWord:
        """Return an account's free balance and counter."""
        return self.accounts([address], block)[0]

    def offers(
        self, offers: Sequence[tuple[Address, Hash]], block: BlockTag = "latest"
    ) -> list[OfferWord]:
        """Return what the chain knows of offers, each by its account and hash."""
        return self._words(OfferWord, "offer_word", offers, block)

    def peers(self, peers: Sequence[int], block: BlockTag = "latest") -> list[PeerWord]:
        """Return peers' records; unknown ones are all zero."""
        return self._words(PeerWord, "peer_word", [(peer,) for peer in peers], block)

    def peer_extras(self, peers: Sequence[int], block: BlockTag = "latest") -> list[PeerExtraWord]:
        """Return peers' wallets and traits."""
        return self._words(PeerExtraWord, "peer_extra_word", [(peer,) for peer in peers], block)

    def deals(self, deals: Sequence[int], block: BlockTag = "latest") -> list[DealWord]:
        """Return deals as stored, not settled."""
        return self._words(DealWord, "deal_word", [(deal,) for deal in deals], block)

    def assignments(self, ids: Sequence[int], block: BlockTag = "latest") -> list[AssignmentWord]:
        """Return assignments as stored; cleared and unknown ones are all zero."""
        return self._words(AssignmentWord, "assignment_word", [(id,) for id in ids], block)

    def domain_separator(self) -> Hash:
        """Return the EIP-712 domain separator that the contract uses."""
        return Hash(self.read("domain_separator"))

    def _words(
        self, kind: type[WordT], view: str, many: Sequence[Sequence[Any]], block: BlockTag
    ) -> list[WordT]:
        return [kind.unpack(word) for word in self.read_many(view, many, block)]


class MarketLens(_Deployed):
    """Views over Market that settle first."""

    name = "MarketLens"

    def deals(self, deals: Sequence[int], block: BlockTag = "latest") -> list[OnchainDeal]:
        """Return deals with status and runway."""
        return [OnchainDeal(*view) for view in self.read_many("deal", [(d,) for d in deals], block)]

    def assignments(
        self, ids: Sequence[int], block: BlockTag = "latest"
    ) -> list[OnchainAssignment]:
        """Return assignments with liveness and claimable money."""
        views = self.read_many("assignment", [(id,) for id in ids], block)
        return [OnchainAssignment(*view) for view in views]

    def peers(self, peers: Sequence[int], block: BlockTag = "latest") -> list[OnchainPeer]:
        """Return peers."""
        return [OnchainPeer(*view) for view in self.read_many("peer", [(p,) for p in peers], block)]

    def claimable(self, ids: Sequence[int], block: BlockTag = "latest") -> list[tuple[int, int]]:
        """Return (paid, refund) per assignment, USDC base units; at most 64 ids."""
        return list(self.read("claimable", ids, block=block))

    def evictable(self, ids: Sequence[int], block: BlockTag = "latest") -> list[bool]:
        """Return per assignment whether anybody may evict it; at most 64 ids."""
        return list(self.read("evictable", ids, block=block))

    def redeemable(self, assignment: int, work: int, block: BlockTag = "latest") -> tuple[int, int]:
        """Return what a voucher for so much work would pay now, and what would stay owed."""
        amount, owed = self.read("redeemable", assignment, work, block=block)
        return int(amount), int(owed)

    def why(
        self,
        offer: DeveloperOffer,
        fill: SignedFill,
        current: Sequence[int] = (),
        block: BlockTag = "latest",
    ) -> int:
        """Return the reason for which `match` would skip a fill; 0 when it would be accepted."""
        return int(self.read("why", offer, fill, current, block=block))


class Staking(_Deployed):
    """Provider bonds."""

    name = "Staking"

    def stake(self, address: Address, block: BlockTag = "latest") -> OnchainStake:
        """Return a provider's stake."""
        free, locked = (self.read(view, address, block=block) for view in ("free", "locked"))
        return OnchainStake(free, locked, *self.read("leaving", address, block=block))


class Proofs(_Deployed):
    """Which epochs count as proven."""

    name = "Proofs"

    def is_proven(self, peer: int, epoch: int, block: BlockTag = "latest") -> bool:
        """Return whether a peer has committed an epoch; peer 0: the pulse."""
        return bool(self.read("is_proven", peer, epoch, block=block))

    def roots(
        self, asked: Sequence[tuple[int, int]], block: BlockTag = "latest"
    ) -> list[bytes | None]:
        """Return the root of each (peer, epoch), None where the chain knows none (any more)."""
        found = (raw(Hash(root)) for root in self.read_many("root_of", asked, block))
        return [root if any(root) else None for root in found]


class Meter(_Deployed):
    """Pays for signed usage out of the deals' balances."""

    name = "Meter"

    def redeem(self, vouchers: Sequence[Voucher]) -> ContractCall:
        """Encode the payment of at most 64 vouchers, by anybody."""
        lines = [
            (v.usage.assignment, v.usage.work, v.signature.r, v.signature.vs) for v in vouchers
        ]
        return self.call("redeem", lines)


class Audits(_Deployed):
    """Asks, contradictions, accusations and the juries that decide them."""

    name = "Audits"

    def free(self, address: Address, block: BlockTag = "latest") -> int:
        """Return what an account could withdraw, FLT base units."""
        return int(self.read("free", address, block=block))


class Faucet(_Deployed):
    """Test tokens, on test networks only."""

    name = "Faucet"


class Erc20(ContractBinding):
    """A token; amounts in its base units."""

    def __init__(self, reader: Reader, address: Address) -> None:
        super().__init__(reader, address, load_abi(ERC20_ABI))

    def balance(self, address: Address, block: BlockTag = "latest") -> int:
        """Return an account's balance."""
        return int(self.read("balanceOf", address, block=block))

    def allowance(self, owner: Address, spender: Address, block: BlockTag = "latest") -> int:
        """Return how much `spender` may take from `owner`."""
        return int(self.read("allowance", owner, spender, block=block))

    def permit_nonce(self, owner: Address, block: BlockTag = "latest") -> int:
        """Return the nonce that the next permit must carry."""
        return int(self.read("nonces", owner, block=block))

    def domain_separator(self) -> Hash:
        """Return the domain under which permits are signed."""
        return Hash(self.read("DOMAIN_SEPARATOR"))

    def permit_domain(self, chain_id: int) -> Domain:
        """Return the domain under which permits are signed, found by the token's separator.

        Raises Conflict for a token whose domain is none that we know.
        """
        name, separator = str(self.read("name")), raw(self.domain_separator())
        for version in PERMIT_VERSIONS:
            domain = Domain(name, version, chain_id, self.address)
            if domain.separator() == separator:
                return domain
        raise Conflict(
            f"the permits of token {self.address} are not understood",
            remedy="deposit first: `wasmarket wallet deposit AMOUNT`; then no permit is needed",
        )
