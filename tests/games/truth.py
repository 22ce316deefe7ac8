"""What the games' functions give, so that anybody can run a call again."""

from collections.abc import Sequence

from meter.rerun import KnownCall
from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.documents.receipts import CallStatus, function_hash, value_digest
from wasmarket.kernel.hashing import sha256

APP = b"a" * 32
APP_HASH = to_hash(APP)
FUNCTION = function_hash("games", "play")
FUEL = 1_000_000


def output_of(body: bytes) -> bytes:
    """Return the digest of a call's output."""
    return sha256(b"played " + body)


def fuel_of(body: bytes) -> int:
    """Return what a call burns."""
    return FUEL + body[0]


def size_of(body: bytes) -> int:
    """Return the bytes of a call's input and output."""
    return len(body) + 10


def run_all_again(calls: Sequence[KnownCall]) -> list[bytes | None]:
    """Return the values of calls, as the meter asks for them."""
    return [run_again(call.app, call.function, call.input) for call in calls]


def run_again(app: bytes, function: bytes, body: bytes) -> bytes | None:
    """Return the value of a call; None for an app or function that is not known."""
    if (app, function) != (APP, FUNCTION):
        return None
    answered = int(CallStatus.ANSWERED)
    return value_digest(output_of(body), answered, fuel_of(body), size_of(body))
