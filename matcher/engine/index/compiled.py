"""Compile a function to machine code when it is first called, and keep the code where possible."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(function: Kernel) -> Kernel:
    """Return the function compiled; its machine code is kept beside the source, or in the home.

    A kernel holds the GIL, so that no other thread sees its scratch arrays. Where no folder may be
    written to, every process compiles for itself.
    """
    kernel: Any = numba.njit(function)
    with suppress(RuntimeError):
        kernel._cache = _Cache(function)
    compiled_kernel: Kernel = kernel
    return compiled_kernel


class _Cache(FunctionCache):
    """Machine code that is dropped when any kernel of the engine changes.

    Numba itself looks at the function's own file alone, but kernels contain the kernels and the
    constants of other files.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call]
        self._cache_file = IndexDataCacheFile(  # type: ignore[no-untyped-call]
            cache_path=self._cache_path,
            filename_base=self._impl.filename_base,
            source_stamp=_digest_sources(),
        )

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        with suppress(OSError):
            return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(OSError):
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]


def _digest_sources() -> str:
    """Name the state of all files that define kernels or how columns lie."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        source = path.read_bytes()
        if b"@compiled" in source or path.stem == "layout":
            digest.update(source)
    return digest.hexdigest()
