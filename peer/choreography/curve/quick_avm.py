"""Make the AquaVM that peers run: the one from npm, with other code in seven functions.

They are the arithmetic of Ed25519's field, which takes most of an invoke: decision 0110. The module
is known by its hash, so the functions are known by their numbers, and so is the hash of the result.
"""

import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from peer.choreography.avm_file import SHA256
from peer.choreography.curve.field_code import (
    build_add,
    build_assign,
    build_multiply,
    build_negate,
    build_reduce,
    build_square,
    build_subtract,
)
from peer.runtime.wasm.function_bodies import replace_bodies

logger = logging.getLogger(__name__)

QUICK_SHA256: Final = "a98f949b122965ba7507aa3ac0524cd74f6bc6e014a64a6479ed1509330a3136"
QUICK_NAME: Final = "avm-quick.wasm"
FUNCTIONS: Final[dict[int, Callable[[], bytes]]] = {
    194: build_multiply,  # <&FieldElement2625 as Mul>::mul
    297: build_square,  # FieldElement2625::square_inner
    851: build_subtract,  # <FieldElement2625 as SubAssign>::sub_assign
    1334: build_reduce,  # FieldElement2625::reduce
    1423: build_negate,  # FieldElement2625::negate
    2335: build_add,  # <&FieldElement2625 as Add>::add
    2455: build_assign,  # <FieldElement2625 as ConditionallySelectable>::conditional_assign
}


def build_quick(wasm: bytes) -> bytes:
    """Return AquaVM with quick arithmetic, given the one whose hash is `SHA256`."""
    return replace_bodies(wasm, {number: build() for number, build in FUNCTIONS.items()})


def find_quick(module: Path, folder: Path) -> tuple[Path, str]:
    """Return which module to run, and its sha256: the quick one, made in `folder` once.

    If it cannot be written there, that is `module` itself, which gives the same, later.
    """
    path = folder / QUICK_NAME
    try:
        if not _is_quick(path):
            _write(path, build_quick(module.read_bytes()))
    except OSError as error:
        logger.warning("AquaVM runs as it came, which is slower", extra={"why": error.strerror})
        return module, SHA256
    return path, QUICK_SHA256


def _is_quick(path: Path) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == QUICK_SHA256
    except FileNotFoundError:
        return False


def _write(path: Path, content: bytes) -> None:
    """Write for other peers to see all of it or nothing."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
