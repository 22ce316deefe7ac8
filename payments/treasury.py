"""The treasury: the account that delivers, what it holds, and the calls by which it does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wasmarket.chain.contracts.bindings import Erc20, Market
from wasmarket.chain.reading.blocks import Reader
from wasmarket.chain.sending.transactions import ContractCall, Submitter
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.units import Address
from wasmarket.store.enums import DeliveryKind
from wasmarket.store.payments.views import Delivery

ENOUGH = 2**128
"""Of an allowance: Market may pull what it likes, and pulls only what we top up."""
COINS = "coins"
TOKEN_OF = {
    DeliveryKind.TOP_UP: "usdc",
    DeliveryKind.USDC: "usdc",
    DeliveryKind.FLT: "flt",
    DeliveryKind.COINS: COINS,
}


@dataclass(frozen=True, slots=True)
class DealFacts:
    """Whose a deal is, and whether money can be put into it now."""

    developer: Address
    is_open: bool


class Treasury:
    """Reads and encodes; `sender` signs."""

    def __init__(
        self,
        reader: Reader,
        deployment: Deployment,
        sender: Submitter,
        fetch_coins: Callable[[Address], int],
    ) -> None:
        """`fetch_coins` returns an account's coins in wei."""
        self.sender = sender
        self._reader = reader
        self._deployment = deployment
        self._market = Market(reader, deployment)
        self._tokens = {
            "usdc": Erc20(reader, deployment.usdc.address),
            "flt": Erc20(reader, deployment.flt.address),
        }
        self._fetch_coins = fetch_coins

    @property
    def address(self) -> Address:
        """The account."""
        return self.sender.address

    def fetch_head(self) -> int:
        """Return the number of the newest block. Raises Unreachable."""
        return self._reader.fetch_head().number

    def fetch_funds(self) -> dict[str, int]:
        """Return what the treasury holds by token, base units: USDC also in Market."""
        funds = {name: token.balance(self.address) for name, token in self._tokens.items()}
        # `top_up` spends what is free in Market before it pulls from the wallet.
        funds["usdc"] += self._market.account(self.address).free
        funds[COINS] = self._fetch_coins(self.address)
        return funds

    def fetch_deals(self, deals: Sequence[int]) -> dict[int, DealFacts]:
        """Return deals that exist. Raises Unreachable."""
        numbers = sorted(set(deals))
        if not numbers:
            return {}
        epoch = self._deployment.epoch_of(self._reader.fetch_head().timestamp)
        words = self._market.deals(numbers)
        owners = self._market.read_many("owner_of_deal", [(deal,) for deal in numbers])
        return {
            deal: DealFacts(owner, not word.stopped and epoch <= word.end)
            for deal, word, owner in zip(numbers, words, owners, strict=True)
            if word.end
        }

    def approve(self) -> None:
        """Let Market pull the treasury's USDC, if it may not yet. Raises as sending does."""
        usdc = self._tokens["usdc"]
        if usdc.allowance(self.address, self._market.address) < ENOUGH // 2:
            self.sender.send(usdc.call("approve", self._market.address, ENOUGH))

    def build_call(self, delivery: Delivery) -> ContractCall:
        """Return the call that delivers."""
        if delivery.kind is DeliveryKind.TOP_UP:
            return self._market.call("top_up", delivery.deal, delivery.amount)
        if delivery.kind is DeliveryKind.COINS:
            return ContractCall(delivery.to, b"", "a grant of coins", delivery.amount)
        token = self._tokens[TOKEN_OF[delivery.kind]]
        return token.call("transfer", delivery.to, delivery.amount)

    def build_void(self) -> ContractCall:
        """Return a call that does nothing, to use up a nonce."""
        return ContractCall(self.address, b"", "a call that does nothing")
