"""What supervisor and worker say to each other: MessagePack behind a length of four bytes."""

from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from peer.runtime.errors import FAULTS, GuestFault
from peer.runtime.module.service import BodyKind, ServiceSpec
from peer.runtime.sandbox.storage_guard import StorageLimits
from wasmarket.kernel.documents.receipts import CallStatus

LENGTH_BYTES: Final = 4
MAX_FRAME_BYTES: Final = 1 << 30


Count = Annotated[int, msgspec.Meta(ge=0)]
"""A number that goes into a receipt: what a worker says is checked when it is read."""


class Setup(msgspec.Struct, array_like=True, tag=0):
    """First message to a worker: what to host."""

    services: tuple[ServiceSpec, ...]
    cache_dir: Path
    storage: StorageLimits = StorageLimits()


class Ready(msgspec.Struct, array_like=True, tag=1):
    """The worker hosts everything and waits for calls."""


class SetupFailed(msgspec.Struct, array_like=True, tag=2):
    """The worker ends, since a service cannot be hosted; `reason` is the leave reason."""

    reason: int
    detail: str


class Call(msgspec.Struct, array_like=True, tag=3):
    """Call a function; `kind` tells how the body is written."""

    service: str
    function: str
    body: bytes
    kind: BodyKind
    parameters: dict[str, Any]


class Answer(msgspec.Struct, array_like=True, tag=4):
    """How a call ended; `status` as in the receipt, `detail` and `field` for faults."""

    status: Annotated[int, msgspec.Meta(ge=0, le=int(max(CallStatus)))]
    output: bytes
    fuel: Count
    duration_us: Count
    logs: list[str]
    detail: str
    field: str | None


class HostCall(msgspec.Struct, array_like=True, tag=5):
    """What a guest asks of an effector, in the middle of a call."""

    service: str
    effector: str
    function: str
    arguments: list[Any]


class HostAnswer(msgspec.Struct, array_like=True, tag=6):
    """What the effector answers; a `status` other than 0 ends the guest's call with `detail`."""

    value: Any
    status: int
    detail: str


class GaveBack(msgspec.Struct, array_like=True, tag=7):
    """A slow call runs: the `count` calls that came next after `begun` others will not be run."""

    begun: Count
    count: Count


ToWorker = Setup | Call | HostAnswer
FromWorker = Ready | SetupFailed | Answer | HostCall | GaveBack


def _encode_unknown(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(f"{type(value)} is no part of a message")


def _decode_unknown(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(f"{kind} is no part of a message")


ENCODER: Final = msgspec.msgpack.Encoder(enc_hook=_encode_unknown)
TO_WORKER: Final = msgspec.msgpack.Decoder(ToWorker, dec_hook=_decode_unknown)
FROM_WORKER: Final = msgspec.msgpack.Decoder(FromWorker)


def build_fault(answer: Answer) -> GuestFault:
    """Return the fault with which a worker answered."""
    return FAULTS[CallStatus(answer.status)](
        answer.detail,
        field=answer.field,
        fuel=answer.fuel,
        duration_us=answer.duration_us,
        logs=answer.logs,
    )


def encode_frame(message: ToWorker | FromWorker) -> bytes:
    """Write a message with its length before it."""
    payload = ENCODER.encode(message)
    return len(payload).to_bytes(LENGTH_BYTES, "big") + payload


def split_frames(received: bytearray) -> list[bytes]:
    """Cut the whole frames off the front of `received`; return what each holds."""
    payloads = []
    start, size = 0, len(received)
    while size - start >= LENGTH_BYTES:
        begin = start + LENGTH_BYTES
        end = begin + int.from_bytes(received[start:begin], "big")
        if end > size:
            break
        payloads.append(bytes(received[begin:end]))
        start = end
    del received[:start]
    return payloads
