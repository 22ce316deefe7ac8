"""Make a service's answers depend on nothing but the call: its function, its body, its module.

Random bytes come from a stream that the call seeds, the clock begins at 0 and moves by a
microsecond whenever it is read. Anybody with the module and the body gets the same answer.
"""

import hashlib
from collections.abc import Callable
from typing import Any, Final

from wasmtime import Caller, FuncType, Linker, Memory, ValType

from peer.runtime.errors import GuestTrap
from peer.runtime.execution.guest import U32
from peer.runtime.module.check import ModuleInfo
from peer.runtime.module.host_api import WASI
from wasmarket.kernel.documents.receipts import function_hash

START_SEED: Final = b"start"
TICK_NS: Final = 1_000
CHUNK_BYTES: Final = 64 << 10
SUCCESS: Final = 0
NUMBER: Final = 8


class Replay:
    """Randomness and time of one call, the same each time it is begun from the same seed."""

    def __init__(self) -> None:
        self.restart(START_SEED)

    def restart(self, seed: bytes) -> None:
        """Begin anew, as a start of an instance or as a call."""
        self._seed = seed
        self._chunks = 0
        self._now = 0

    def read_random(self, size: int) -> bytes:
        """Return the next `size` bytes of the stream."""
        self._chunks += 1
        return hashlib.shake_256(self._seed + self._chunks.to_bytes(8, "big")).digest(size)

    def read_clock(self) -> int:
        """Return the time in nanoseconds."""
        self._now += TICK_NS
        return self._now


def seed_of(service: str, function: str, body: bytes) -> bytes:
    """Return what a call begins with."""
    return function_hash(service, function) + hashlib.sha256(body).digest()


def define_replay(linker: Linker, info: ModuleInfo, replay: Replay) -> None:
    """Put the call's own randomness and time in the place of WASI's."""

    def random_get(caller: Caller, pointer: int, size: int) -> int:
        at, left = pointer & U32, size & U32
        memory = _get_memory(caller, at, left)
        while left:
            chunk = replay.read_random(min(left, CHUNK_BYTES))
            memory.write(caller, bytearray(chunk), at)
            at, left = at + len(chunk), left - len(chunk)
        return SUCCESS

    def clock_time_get(caller: Caller, clock: int, precision: int, pointer: int) -> int:
        return write_number(caller, pointer, replay.read_clock())

    def clock_res_get(caller: Caller, clock: int, pointer: int) -> int:
        return write_number(caller, pointer, TICK_NS)

    def write_number(caller: Caller, pointer: int, number: int) -> int:
        at = pointer & U32
        data = bytearray(number.to_bytes(NUMBER, "little"))
        _get_memory(caller, at, NUMBER).write(caller, data, at)
        return SUCCESS

    i32, i64 = ValType.i32, ValType.i64
    own: dict[str, tuple[list[ValType], Callable[..., Any]]] = {
        "random_get": ([i32(), i32()], random_get),
        "clock_time_get": ([i32(), i64(), i32()], clock_time_get),
        "clock_res_get": ([i32(), i32()], clock_res_get),
    }
    linker.allow_shadowing = True
    for wanted in info.outline.imports:
        if wanted.module == WASI and wanted.name in own:
            inputs, function = own[wanted.name]
            kind = FuncType(inputs, [i32()])
            linker.define_func(WASI, wanted.name, kind, function, access_caller=True)


def _get_memory(caller: Caller, at: int, size: int) -> Memory:
    memory = caller.get("memory")
    if not isinstance(memory, Memory) or at + size > memory.data_len(caller):
        raise GuestTrap(f"the guest named memory {at}+{size}, which is out of bounds")
    return memory
