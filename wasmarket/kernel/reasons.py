"""Number every reason that the contracts report, once (DESIGN 8.3), with a sentence for people."""

from enum import IntEnum


class FillReason(IntEnum):
    """Why `match` skipped a fill."""

    NO_PEER = 1
    PRICE = 2
    EXPIRED = 3
    COUNTER = 4
    PRIVATE = 5
    MEMORY = 6
    REGION = 7
    TRAITS = 8
    PROVIDER_LIST = 9
    DEAL_FULL = 10
    NO_UNITS = 11
    CANCELLED = 12
    SIGNATURE = 13
    KIND = 14


class BatchReason(IntEnum):
    """Why a batch call skipped an assignment."""

    NOT_PENDING = 20
    NOT_WALLET = 21
    UNFUNDED = 22
    ENDED = 30
    ALIVE = 31
    DEAD = 32
    NOT_DEVELOPER = 33
    NO_FAULT = 34
    NOTHING_TO_CLAIM = 40
    NOTHING_FINAL = 41
    NOT_METERED = 42
    VOUCHER = 43
    NOTHING_DUE = 44
    NO_BALANCE = 45


class LeaveReason(IntEnum):
    """Why a peer leaves or rejects an assignment."""

    CONTENT_NOT_FOUND = 48
    CONTENT_MISMATCH = 49
    BAD_MANIFEST = 50
    BAD_MODULE = 51
    EFFECTOR = 52
    POLICY = 53
    OUT_OF_CAPACITY = 54
    FAILED_TO_START = 55
    MAINTENANCE = 56


class DropReason(IntEnum):
    """Why a developer drops an assignment."""

    SCALE_DOWN = 64
    TOO_SLOW = 65
    WRONG_RESULTS = 66
    REPLACED = 67


class EndKind(IntEnum):
    """Which call ended an assignment (`Ended.kind`)."""

    LEFT = 1
    DROPPED = 2
    EVICTED = 3
    RELEASED = 4
    CONVICTED = 5


TEXT: dict[int, str] = {
    FillReason.NO_PEER: "no such peer",
    FillReason.PRICE: "the price is zero, too large or above the bid",
    FillReason.EXPIRED: "the provider offer has expired",
    FillReason.COUNTER: "the provider has withdrawn all older offers",
    FillReason.PRIVATE: "the provider offer is for another developer",
    FillReason.MEMORY: "the peer has too little memory per unit",
    FillReason.REGION: "the peer is in no wanted region",
    FillReason.TRAITS: "the peer lacks a wanted trait",
    FillReason.PROVIDER_LIST: "the provider list excludes it",
    FillReason.DEAL_FULL: "the deal already has 64 assignments",
    FillReason.NO_UNITS: "no units left under the caps, the peer's capacity or the balance",
    FillReason.CANCELLED: "the provider offer is cancelled",
    FillReason.SIGNATURE: "the provider offer is neither signed nor approved by the provider",
    FillReason.KIND: "it is priced per epoch and the deal per work, or the other way round",
    BatchReason.NOT_PENDING: "the assignment is not waiting for activation, or is dead",
    BatchReason.NOT_WALLET: "the caller is not the peer's wallet or provider",
    BatchReason.UNFUNDED: "the deal cannot pay for this epoch and the next",
    BatchReason.ENDED: "no such assignment, or it has ended",
    BatchReason.ALIVE: "the assignment is still alive",
    BatchReason.DEAD: "the assignment is dead; release it",
    BatchReason.NOT_DEVELOPER: "the caller is not the deal's developer",
    BatchReason.NO_FAULT: "the peer has done nothing to be evicted for",
    BatchReason.NOTHING_TO_CLAIM: "the assignment never ran",
    BatchReason.NOTHING_FINAL: "no final epoch to claim yet",
    BatchReason.NOT_METERED: "no assignment of a metered deal that ran",
    BatchReason.VOUCHER: "the deal's meter has not signed this work",
    BatchReason.NOTHING_DUE: "nothing is due beyond what was paid",
    BatchReason.NO_BALANCE: "work is due, but the deal has no balance",
    LeaveReason.CONTENT_NOT_FOUND: "content not found",
    LeaveReason.CONTENT_MISMATCH: "content does not match its id",
    LeaveReason.BAD_MANIFEST: "the manifest is not valid",
    LeaveReason.BAD_MODULE: "the module is not valid",
    LeaveReason.EFFECTOR: "an effector is not allowed",
    LeaveReason.POLICY: "the provider's policy refuses it",
    LeaveReason.OUT_OF_CAPACITY: "the peer is out of capacity",
    LeaveReason.FAILED_TO_START: "the service failed to start",
    LeaveReason.MAINTENANCE: "maintenance",
    DropReason.SCALE_DOWN: "scale down",
    DropReason.TOO_SLOW: "too slow",
    DropReason.WRONG_RESULTS: "wrong results",
    DropReason.REPLACED: "replaced",
}


def describe(reason: int) -> str:
    """Return the sentence for a reason number, or say that the number is unknown."""
    return TEXT.get(reason, f"reason {reason}")
