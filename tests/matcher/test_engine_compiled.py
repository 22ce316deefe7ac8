"""Compiled functions work wherever the source lies, whether or not a cache can be written."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba.core.caching import FunctionCache
from numba.core.errors import TypingError

from matcher.engine.index import compiled as compiled_module
from matcher.engine.index.compiled import (
    compiled,
    digest_sources,
    list_places,
    open_folder,
    uncounted,
)

pytestmark = pytest.mark.unit

SCRIPT = """
from matcher.engine.index import compiled as module

places = [module.Path({read_only!r}), module.Path({writable!r})]
module.list_places = lambda _: places

def double(number):
    return 2 * number

source = module.Path({source!r})
exec(compile(source.read_text(), str(source), "exec"), globals())
kernel = module.compiled(triple)
assert kernel(14) == 42
print(sum(kernel.stats.cache_hits.values()))
"""


def double(number: int) -> int:
    return 2 * number


def run(tmp_path):
    """Call a kernel in a process of its own, which may write in `user` only; return cache hits."""
    source = tmp_path / "triple.py"
    source.write_text("def triple(number):\n    return 3 * number\n")
    # A file where a folder would have to be: nobody can write there, not even root.
    (tmp_path / "package").touch()
    places = {"read_only": str(tmp_path / "package"), "writable": str(tmp_path / "user")}
    script = SCRIPT.format(source=str(source), **places)
    command = [sys.executable, "-c", script]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, check=True, timeout=120
    )
    return int(done.stdout)


def test_compiled__package_not_writable__next_process_finds_the_code_in_the_users_folder(tmp_path):
    assert run(tmp_path) == 0
    assert run(tmp_path) == 1


def test_compiled__damaged_machine_code__is_compiled_again(tmp_path):
    run(tmp_path)
    for path in (tmp_path / "user").rglob("*.nbi"):
        path.write_bytes(path.read_bytes()[:-9])

    assert run(tmp_path) == 0
    assert run(tmp_path) == 1


def test_compiled__no_folder_for_a_cache__compiles_for_this_process():
    scope = {}
    exec("def triple(number): return 3 * number", scope)

    assert compiled(scope["triple"])(14) == 42


@pytest.mark.parametrize("error", [OSError("no space left"), pickle.UnpicklingError("cut short")])
def test_compiled__cache_fails__works_all_the_same(monkeypatch, error):
    def refuse(*_):
        raise error

    def refuse_to_write(*_):
        raise OSError("no space left")

    monkeypatch.setattr(FunctionCache, "save_overload", refuse_to_write)
    monkeypatch.setattr(FunctionCache, "load_overload", refuse)

    assert compiled(double)(21) == 42


def test_compiled__called_by_a_kernel__is_compiled_once_for_all_integers():
    @compiled
    def triple(number):
        return 3 * number

    @compiled
    def both(numbers):
        return triple(numbers[0]) + triple(2) + triple(True + 4)

    assert both(np.array([7], np.int32)) == 42
    assert triple(2**40) == 3 * 2**40
    assert len(triple.overloads) == 1


def test_uncounted__makes_an_array__the_compiler_refuses():
    @uncounted
    def make(number):
        return np.zeros(number).sum()

    @compiled
    def call(number):
        return make(number)

    with pytest.raises(TypingError):
        call(3)


def test_uncounted__given_arrays__reads_and_writes_them():
    @uncounted
    def double(numbers):
        numbers[:] = 2 * numbers[0]

    @compiled
    def call(numbers):
        double(numbers[1:])
        return numbers.sum()

    assert call(np.array([5, 7, 9])) == 5 + 14 + 14


def test_open_folder__another_version_compiled_before__its_code_is_removed(tmp_path):
    old = open_folder([tmp_path], "1" * 64)
    (old / "scan.nbi").write_bytes(b"machine code")
    (tmp_path / "scan.cpython-311.pyc").touch()

    new = open_folder([tmp_path], "2" * 64)

    assert sorted(path.name for path in tmp_path.iterdir()) == [new.name, "scan.cpython-311.pyc"]


def test_open_folder__nothing_writable__none(tmp_path):
    (tmp_path / "file").touch()

    assert open_folder([tmp_path / "file" / "under"], "1" * 64) is None


def test_list_places__user_names_a_folder__only_that_one(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert list(list_places(tmp_path / "package")) == [tmp_path]

    monkeypatch.delenv("NUMBA_CACHE_DIR")
    beside, with_user = list_places(tmp_path / "package")
    assert beside == tmp_path / "package" / "__pycache__"
    assert "wasmarket" in with_user.parts


def test_list_places__two_installations_of_a_user__have_folders_of_their_own(tmp_path):
    assert list(list_places(tmp_path / "one"))[1] != list(list_places(tmp_path / "two"))[1]


def test_digest_sources__a_kernel_changes__is_another_one(tmp_path):
    (tmp_path / "scan.py").write_text("@compiled\ndef scan(): ...\n")
    before = digest_sources(tmp_path)
    same = digest_sources(tmp_path)
    (tmp_path / "layout.py").write_text("SIZE = 1\n")
    constant = digest_sources(tmp_path)
    (tmp_path / "scan.py").write_text("@compiled\ndef scan(): return 1\n")

    assert before == same
    assert len({before, constant, digest_sources(tmp_path)}) == 3


def test_find_folder__this_checkout__is_named_after_its_source():
    folder = compiled_module.find_folder()

    assert folder is not None
    assert folder.name.removeprefix(compiled_module.PREFIX) in digest_sources(
        Path(compiled_module.__file__).parents[1]
    )
