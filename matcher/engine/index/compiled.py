"""Compile a function to machine code when it is first called, and keep the code where possible.

A kernel that others call is compiled for them without its wrapper for Python, which converts every
array of every argument and takes a third of the compiler's time; and once only for all signed
integers and constants. Numba would compile it anew for each constant that a caller passes.
"""

import hashlib
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import types
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

PREFIX = "kernels-"
"""Folders of machine code are named after this and the state of the source."""

CALLERS = ("answers", "warm_up", "rules", "match", "check", "greedy", "solve", "optimise")

logger = logging.getLogger(__name__)


def compiled(function: Kernel) -> Kernel:
    """Return the function compiled; its machine code is kept for other processes.

    A kernel holds the GIL, so that no other thread sees its scratch arrays. Where no folder may be
    written to, every process compiles for itself.
    """
    return _compile(function)


def uncounted(function: Kernel) -> Kernel:
    """Return the function compiled as a part that counts no references to arrays.

    It may make none itself, nor may what it calls: who calls it keeps all that it reads. Counting
    takes two locked instructions for each array of each argument of each call.
    """
    return _compile(function, _nrt=False)


def _compile(function: Kernel, **options: bool) -> Kernel:
    # Not all of Numba's options are among its annotations.
    compile_: Any = numba.njit
    kernel = compile_(function, no_cfunc_wrapper=True)
    part = compile_(function, no_cfunc_wrapper=True, no_cpython_wrapper=True, **options)
    with suppress(RuntimeError):
        kernel._cache = _Cache(function)  # type: ignore[no-untyped-call]
        part._cache = _PartCache(function)  # type: ignore[no-untyped-call]

    def resolve(args: Sequence[Any], kws: Mapping[str, Any]) -> Any:
        wide = {name: _widen(type_) for name, type_ in kws.items()}
        return part.get_call_template(tuple(map(_widen, args)), wide)

    # These two are how Numba asks for what a kernel calls.
    kernel.get_call_template = resolve
    kernel.get_overload = part.get_overload
    compiled_kernel: Kernel = kernel
    return compiled_kernel


def _widen(type_: Any) -> Any:
    """Return the type as which a kernel passes an argument on to another."""
    type_ = types.unliteral(type_)  # type: ignore[no-untyped-call]
    is_signed = isinstance(type_, types.Integer) and type_.signed  # type: ignore[attr-defined]
    return types.int64 if is_signed else type_


class _Locator(_CacheLocator):
    """Keeps machine code in one folder for one state of the whole engine's source.

    Numba itself looks at the function's own file alone, but kernels contain the kernels and the
    constants of other files.
    """

    def __init__(self, file: str, line: int) -> None:
        self._py_file = file
        self._line = line

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> "_Locator | None":
        is_source = Path(py_file).is_file() and find_folder() is not None
        return cls(py_file, py_func.__code__.co_firstlineno) if is_source else None

    def get_cache_path(self) -> str:
        return str(find_folder())

    def get_source_stamp(self) -> str:
        return digest_sources(_package())

    def get_disambiguator(self) -> str:
        return str(self._line)


class _PartLocator(_Locator):
    """Keeps the code for other kernels beside the code for Python."""

    def get_disambiguator(self) -> str:
        return f"{self._line}-part"


class _CacheImpl(CompileResultCacheImpl):
    _locator_classes = [_Locator]  # noqa: RUF012


class _PartCacheImpl(CompileResultCacheImpl):
    _locator_classes = [_PartLocator]  # noqa: RUF012


class _Cache(FunctionCache):
    """A cache that costs nothing but time when its files cannot be read or written."""

    _impl_class: type[CompileResultCacheImpl] = _CacheImpl

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        except Exception:
            # Files that were cut short, or of another Numba: pickle raises anything.
            logger.debug("machine code cannot be read and is compiled again", exc_info=True)
            with suppress(OSError):
                self.flush()  # type: ignore[no-untyped-call]
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        # Two processes that number their files at the same time would exchange their code.
        try:
            with _alone_in(Path(self.cache_path)):
                super().save_overload(sig, data)  # type: ignore[no-untyped-call]
        except OSError:
            logger.debug("machine code cannot be kept", exc_info=True)


class _PartCache(_Cache):
    _impl_class = _PartCacheImpl


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let one process at a time write machine code, where the system has such locks."""
    with (folder / "lock").open("ab") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@cache
def find_folder() -> Path | None:
    """Return the folder of machine code, None where none can be written to."""
    return open_folder(list_places(_package()), digest_sources(_package()))


def list_places(package: Path) -> Iterator[Path]:
    """Yield where machine code may be kept, best first: beside the source, or with the user."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        yield Path(chosen)
        return
    yield package / "__pycache__"
    # Installations of one user do not share a folder: each drops what the others compiled.
    name = hashlib.sha256(str(package).encode()).hexdigest()[:16]
    with suppress(RuntimeError):
        yield _user_cache() / "wasmarket" / name


def open_folder(places: Iterable[Path], digest: str) -> Path | None:
    """Return the folder for this state of the source in the first place that can be written to.

    What was compiled from any other state is removed.
    """
    for place in places:
        folder = place / f"{PREFIX}{digest[:32]}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError:
            continue
        for other in place.glob(f"{PREFIX}*"):
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)
        return folder
    return None


def digest_sources(package: Path) -> str:
    """Name the state of the source: kernels contain constants and record types of other files.

    What only calls kernels, such as the answers, is left out.
    """
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        if path.parent.name not in CALLERS and path.stem not in CALLERS:
            digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def _package() -> Path:
    """Return the folder of the engine."""
    return Path(__file__).resolve().parents[1]


def _user_cache() -> Path:
    """Return the user's folder for caches. Raises RuntimeError where there is no home."""
    if sys.platform == "win32" and "LOCALAPPDATA" in os.environ:
        return Path(os.environ["LOCALAPPDATA"])
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
