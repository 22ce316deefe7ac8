"""Name the files of compiled code, and let go of those that nobody needs.

Imports no wasmtime: the supervisor, which sweeps, never runs any Wasm.
"""

import hashlib
import itertools
import os
import platform
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

from peer.runtime.module.service import COMPONENT_ABI, ServiceSpec

MAX_STACK_BYTES: Final = 512 << 10
CODE: Final = ".cwasm"
MARK: Final = ".sha256"
"""Beside the code: its hash."""
USED_SECONDS: Final = 3_600.0
"""How old the time on a file in use may get."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What compiled code depends on."""

    consume_fuel: bool = False
    canonical_nans: bool = False
    """The same bits for every NaN, whatever the processor makes of it."""
    has_components: bool = False
    is_interruptible: bool = True
    """Whether calls end at an epoch's deadline; without, only the end of the worker ends them."""

    @classmethod
    def of(cls, services: Iterable[ServiceSpec]) -> "EngineSettings":
        """Return what an engine needs that is to host all these services."""
        specs = tuple(services)
        return cls(
            consume_fuel=any(spec.limits.fuel is not None for spec in specs),
            canonical_nans=any(spec.is_deterministic for spec in specs),
            has_components=any(spec.abi == COMPONENT_ABI for spec in specs),
            is_interruptible=any(spec.is_interruptible for spec in specs),
        )

    def fingerprint(self) -> str:
        """Name this configuration on this machine; compiled code is only good for the same."""
        parts = (_find_version(), platform.machine(), str(MAX_STACK_BYTES), repr(self))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def name_code(digest: bytes, fingerprint: str) -> str:
    """Return the name, without its ending, of the code of a module with this sha2-256."""
    return f"{digest.hex()}-{fingerprint}"


def prune_code(
    folder: Path, used: Collection[bytes], keep_bytes: int, grace_seconds: float
) -> list[str]:
    """Remove what is left of compiled code; return its names.

    Code of the modules `used` (by sha2-256) stays, if today's engines can load it. Of the rest what
    was used last stays, up to `keep_bytes`, for deals that come back; nothing younger than
    `grace_seconds` goes.
    """
    now = time.time()
    for leftover in folder.glob(".*"):
        if leftover.is_file() and now - _changed_at(leftover) >= grace_seconds:
            leftover.unlink(missing_ok=True)
    fingerprints = _fingerprints()
    needed = {name_code(digest, print) for digest in used for print in fingerprints}
    spare, removed = [], []
    for code in folder.glob(f"*{CODE}"):
        changed = _changed_at(code)
        if code.stem in needed:
            if now - changed >= USED_SECONDS:
                _touch(code)
        elif now - changed >= grace_seconds:
            spare.append((changed, code))
    for _, code in sorted(spare, reverse=True):
        is_loadable = code.stem.rpartition("-")[2] in fingerprints
        keep_bytes -= _size(code) if is_loadable else 0
        if not is_loadable or keep_bytes < 0:
            # The mark first: code without one counts as damaged.
            code.with_suffix(MARK).unlink(missing_ok=True)
            code.unlink(missing_ok=True)
            removed.append(code.stem)
    for mark in folder.glob(f"*{MARK}"):
        if not mark.with_suffix(CODE).exists() and now - _changed_at(mark) >= grace_seconds:
            mark.unlink(missing_ok=True)
    return removed


@cache
def _find_version() -> str:
    """Return wasmtime's version; looking it up takes longer than to start an engine."""
    return version("wasmtime")


def _fingerprints() -> frozenset[str]:
    """Return the names of all configurations that this version has."""
    choices = itertools.product((False, True), repeat=len(fields(EngineSettings)))
    return frozenset(EngineSettings(*choice).fingerprint() for choice in choices)


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _touch(path: Path) -> None:
    try:
        os.utime(path)
    except FileNotFoundError:
        # Whoever needs it compiles it again.
        return
