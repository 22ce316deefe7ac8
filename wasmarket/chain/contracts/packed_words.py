"""Market's packed records (CONTRACTS section 2) taken apart; fields low bits first."""

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Self

from wasmarket.kernel.addresses import to_address
from wasmarket.kernel.units import Address


class AssignmentCode(IntEnum):
    """What `state` of an assignment's word says."""

    NONE = 0
    PENDING = 1
    ACTIVE = 2
    ENDED = 3
    METERED = 4
    CLOSED = 5


@dataclass(frozen=True, slots=True)
class Word:
    """A record that fills one storage word."""

    WIDTHS: ClassVar[tuple[int, ...]] = ()

    @classmethod
    def unpack(cls, word: int) -> Self:
        """Read the fields, the first from the lowest bits."""
        values = []
        for width in cls.WIDTHS:
            values.append(word & ((1 << width) - 1))
            word >>= width
        return cls(*values)


@dataclass(frozen=True, slots=True)
class AccountWord(Word):
    """An account: free balance (USDC base units) and offer counter."""

    WIDTHS: ClassVar[tuple[int, ...]] = (128, 128)

    free: int
    counter: int


@dataclass(frozen=True, slots=True)
class OfferWord(Word):
    """What the chain knows of an offer; `approved` and `cancelled` are 0 or 1."""

    WIDTHS: ClassVar[tuple[int, ...]] = (1, 1, 32)

    approved: int
    cancelled: int
    deal: int


@dataclass(frozen=True, slots=True)
class PeerWord(Word):
    """A peer; `units` for sale, `used` of them given away, `memory_mib` per unit."""

    WIDTHS: ClassVar[tuple[int, ...]] = (160, 16, 16, 32, 8)

    provider_number: int
    units: int
    used: int
    memory_mib: int
    region: int

    @property
    def provider(self) -> Address:
        """Account that owns the peer; zero when there is no such peer."""
        return to_address(self.provider_number.to_bytes(20, "big"))


@dataclass(frozen=True, slots=True)
class PeerExtraWord(Word):
    """The rest of a peer."""

    WIDTHS: ClassVar[tuple[int, ...]] = (160, 96)

    wallet_number: int
    traits: int

    @property
    def wallet(self) -> Address:
        """The peer's hot key; zero when only the provider may act."""
        return to_address(self.wallet_number.to_bytes(20, "big"))


@dataclass(frozen=True, slots=True)
class DealWord(Word):
    """A deal as stored, not settled: `balance` and `rate` in USDC base units.

    `stopped` and `metered` are 0 or 1.
    """

    WIDTHS: ClassVar[tuple[int, ...]] = (96, 64, 32, 32, 16, 8, 1, 1)

    balance: int
    rate: int
    settled: int
    end: int
    units: int
    run: int
    stopped: int
    metered: int


@dataclass(frozen=True, slots=True)
class AssignmentWord(Word):
    """An assignment; `state` is an AssignmentCode.

    PENDING: `next` is the block number of the match. METERED and CLOSED: `paid` is in the bits of
    `next` and `skipped`.
    """

    WIDTHS: ClassVar[tuple[int, ...]] = (32, 32, 16, 48, 32, 32, 32, 16, 8, 8)

    deal: int
    peer: int
    units: int
    price: int
    start: int
    next: int
    end: int
    skipped: int
    run: int
    state: int

    @property
    def paid(self) -> int:
        """What vouchers have brought it; 0 in a reserved deal (USDC base units)."""
        metered = self.state in (AssignmentCode.METERED, AssignmentCode.CLOSED)
        return self.next + (self.skipped << 32) if metered else 0


@dataclass(frozen=True, slots=True)
class CaseWord(Word):
    """A case of Audits; `kind`, `state` and `outcome` as kernel.events.audits numbers them.

    `since` (seconds) and `block`: when its phase began.
    """

    WIDTHS: ClassVar[tuple[int, ...]] = (8, 8, 32, 32, 40, 40, 32, 8)

    kind: int
    state: int
    assignment: int
    peer: int
    since: int
    block: int
    seats: int
    outcome: int


@dataclass(frozen=True, slots=True)
class SeatWord(Word):
    """A place of the jurors; `peer` 0: empty, `quit` 0: not quit (seconds)."""

    WIDTHS: ClassVar[tuple[int, ...]] = (32, 40, 40, 8, 16)

    peer: int
    since: int
    quit: int
    fines: int
    cases: int
