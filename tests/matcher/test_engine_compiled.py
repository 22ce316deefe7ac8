"""Compiled functions work wherever the source lies, whether or not a cache can be written."""

import pytest
from numba.core.caching import FunctionCache

from matcher.engine.index import compiled as compiled_module
from matcher.engine.index.compiled import compiled

pytestmark = pytest.mark.unit


def double(number: int) -> int:
    return 2 * number


def test_compiled__no_folder_for_a_cache__compiles_for_this_process():
    scope = {}
    exec("def triple(number): return 3 * number", scope)

    assert compiled(scope["triple"])(14) == 42


def test_compiled__disk_is_full__works_all_the_same(monkeypatch):
    def refuse(*_):
        raise OSError("no space left")

    monkeypatch.setattr(FunctionCache, "save_overload", refuse)
    monkeypatch.setattr(FunctionCache, "load_overload", refuse)

    assert compiled(double)(21) == 42


def test_compiled__another_kernel_changes__cache_has_another_stamp(tmp_path, monkeypatch):
    monkeypatch.setattr(compiled_module, "__file__", str(tmp_path / "compiled.py"))
    (tmp_path / "scan.py").write_text("@compiled\ndef scan(): ...\n")
    before = compiled_module._digest_sources()
    (tmp_path / "notes.py").write_text("no kernel here\n")
    same = compiled_module._digest_sources()
    (tmp_path / "scan.py").write_text("@compiled\ndef scan(): return 1\n")

    assert before == same != compiled_module._digest_sources()
