"""What moved, as clients see it. Amounts are USDC base units."""

from pydantic import BaseModel

from wasmarket.serving.amounts import Uint
from wasmarket.store.enums import DealChangeKind
from wasmarket.store.views import ClaimView, DealChangeView


class PaidClaimJson(BaseModel):
    """A claim of epochs `first` to `last`: `paid` to the provider, `refunded` to the developer."""

    assignment: int
    deal: int
    provider: str
    first: int
    last: int
    paid: Uint
    refunded: Uint
    log_index: int
    at: int
    tx: str
    in_block: int

    @classmethod
    def build(cls, view: ClaimView) -> "PaidClaimJson":
        """Render a claim."""
        return cls(
            assignment=view.assignment,
            deal=view.deal,
            provider=view.provider,
            first=view.first,
            last=view.last,
            paid=view.paid,
            refunded=view.refunded,
            log_index=view.log_index,
            at=view.timestamp,
            tx=view.tx_hash,
            in_block=view.block,
        )


class DealChangeJson(BaseModel):
    """A change of a deal: `amount` is what moved (deposit, tip of a match, top-up, taken,
    returned), `balance` what the deal had after it."""

    deal: int
    kind: DealChangeKind
    by: str | None
    amount: Uint
    balance: Uint
    log_index: int
    at: int
    tx: str
    in_block: int

    @classmethod
    def build(cls, view: DealChangeView) -> "DealChangeJson":
        """Render a change."""
        return cls(
            deal=view.deal,
            kind=view.kind,
            by=view.by,
            amount=view.amount,
            balance=view.balance,
            log_index=view.log_index,
            at=view.timestamp,
            tx=view.tx_hash,
            in_block=view.block,
        )
