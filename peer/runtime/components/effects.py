"""Give components what they import: our package, and WASI that is the same each time."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from peer.runtime.abi.wit_values import ERROR, OK
from peer.runtime.components.check import CALL, ComponentImport
from peer.runtime.components.component_cffi import ComponentLinker, make_callback
from peer.runtime.components.lift_values import Budget, compile_lift
from peer.runtime.components.lower_values import compile_lower
from peer.runtime.effectors.guest_calls import MAX_ARGUMENT_BYTES, AskHost
from peer.runtime.effectors.signatures import LOG
from peer.runtime.errors import GuestTrap
from peer.runtime.execution.host_functions import CallState
from peer.runtime.execution.replay import Replay

Do = Callable[..., Any]
"""From the arguments of a call to its result, both as values of Python."""
MAX_RANDOM_BYTES: Final = 1 << 20
LEVELS: Final = {"error": 1, "warn": 2, "info": 3, "debug": 4, "trace": 5}


def define_effects(
    linker: ComponentLinker,
    wanted: Sequence[ComponentImport],
    state: CallState,
    ask: AskHost,
    *,
    logs: bool,
) -> None:
    """Define what a component imports of our package; `logs` tells whether its log is kept."""

    def guarded(entry: ComponentImport) -> Do:
        do = _choose(entry, state, ask, logs)
        if entry.interface == LOG:
            return do

        def guard(*arguments: Any) -> Any:
            if state.is_starting:
                raise GuestTrap(
                    f"{entry.interface}.{entry.name} is not available while the component starts"
                )
            return do(*arguments)

        return guard

    _define(linker, wanted, guarded)


def define_replayed(
    linker: ComponentLinker, wanted: Sequence[ComponentImport], replay: Replay
) -> None:
    """Define the call's own randomness and time in the place of WASI's."""

    def read_bytes(size: int) -> bytes:
        if size > MAX_RANDOM_BYTES:
            raise GuestTrap(f"the component asks for {size} random bytes at once")
        return replay.read_random(size)

    def read_number() -> int:
        return int.from_bytes(replay.read_random(8), "little")

    def read_time() -> dict[str, int]:
        seconds, nanoseconds = divmod(replay.read_clock(), 1_000_000_000)
        return {"seconds": seconds, "nanoseconds": nanoseconds}

    functions: dict[tuple[str, str], Do] = {
        ("wall-clock", "now"): read_time,
        ("wall-clock", "resolution"): lambda: {"seconds": 0, "nanoseconds": 1_000},
        ("monotonic-clock", "now"): replay.read_clock,
        ("monotonic-clock", "resolution"): lambda: 1_000,
        ("random", "get-random-bytes"): read_bytes,
        ("random", "get-random-u64"): read_number,
        ("insecure", "get-insecure-random-bytes"): read_bytes,
        ("insecure", "get-insecure-random-u64"): read_number,
        ("insecure-seed", "insecure-seed"): lambda: (read_number(), read_number()),
    }
    _define(linker, wanted, lambda entry: functions[entry.interface.rpartition("/")[2], entry.name])


def _define(
    linker: ComponentLinker,
    wanted: Sequence[ComponentImport],
    choose: Callable[[ComponentImport], Do],
) -> None:
    instances: dict[str, dict[str, Any]] = {}
    for entry in wanted:
        callback = make_callback(_compile_take(entry, choose(entry)))
        instances.setdefault(entry.instance, {})[entry.name] = callback
    for instance, functions in instances.items():
        linker.define(instance, functions)


def _compile_take(entry: ComponentImport, do: Do) -> Callable[[Any, Any], None]:
    lifts = [compile_lift(part.type) for part in entry.type.parameters]
    lower = None if entry.type.result is None else compile_lower(entry.type.result)

    def take(arguments: Any, results: Any) -> None:
        budget = Budget(MAX_ARGUMENT_BYTES)
        answer = do(*[lift(arguments[index], budget) for index, lift in enumerate(lifts)])
        if lower is not None:
            lower(answer, results[0])

    return take


def _choose(entry: ComponentImport, state: CallState, ask: AskHost, logs: bool) -> Do:
    """Return what does it: log lines and the call's parameters stay in the worker."""
    if entry.interface == LOG:

        def write(level: tuple[str, None], text: str) -> None:
            if logs:
                state.log.add(LEVELS[level[0]], text.encode())

        return write
    if entry.interface == CALL:
        return lambda: [pair for pair in state.parameters.items() if isinstance(pair[1], str)]
    return _EFFECTS[entry.interface, entry.name](
        lambda function, *arguments: ask(entry.interface, function, list(arguments))
    )


Ask = Callable[..., Any]
"""From a function of the effector and its arguments to the answer."""


def _end(error: str, value: Any = None) -> tuple[str, Any]:
    """Return the result with which a function ends."""
    return (ERROR, error) if error else (OK, value)


def _compile_send(ask: Ask) -> Do:
    def send(request: Mapping[str, Any]) -> Any:
        answer = ask("request", request)
        return _end(answer["error"], answer)

    return send


def _compile_get(ask: Ask) -> Do:
    def get(key: str) -> Any:
        answer = ask("get", key)
        return _end(answer["error"], answer["value"] if answer["found"] else None)

    return get


def _compile_swap(ask: Ask) -> Do:
    def swap(key: str, expected: bytes | None, value: bytes) -> Any:
        answer = ask("swap", key, expected is not None, expected or b"", value)
        return _end(answer["error"], answer["swapped"])

    return swap


def _compile_field(function: str, field: str) -> Callable[[Ask], Do]:
    """Return what makes the call whose answer has the value in `field`."""

    def compile_do(ask: Ask) -> Do:
        def do(*arguments: Any) -> Any:
            answer = ask(function, *arguments)
            return _end(answer["error"], answer[field])

        return do

    return compile_do


def _compile_plain(function: str) -> Callable[[Ask], Do]:
    """Return what makes the call whose answer is its error alone."""
    return lambda ask: lambda *arguments: _end(ask(function, *arguments))


_EFFECTS: Final[dict[tuple[str, str], Callable[[Ask], Do]]] = {
    ("http", "send"): _compile_send,
    ("ipfs", "get"): _compile_field("get", "data"),
    ("ipfs", "put"): _compile_field("put", "cid"),
    ("secret", "get"): _compile_field("get", "value"),
    ("kv", "get"): _compile_get,
    ("kv", "put"): _compile_plain("put"),
    ("kv", "delete"): _compile_plain("delete"),
    ("kv", "swap"): _compile_swap,
    ("kv", "add"): _compile_field("add", "number"),
    ("kv", "keys"): _compile_field("list", "keys"),
}
