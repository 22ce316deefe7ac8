"""Functions of a module that are given other code."""

import pytest
from wasmtime import Engine, Instance, Module, Store, wat2wasm

from peer.runtime.errors import ModuleError
from peer.runtime.wasm.function_bodies import replace_bodies

pytestmark = pytest.mark.unit
TWO = bytes(
    wat2wasm("""(module (import "host" "tell" (func))
  (func (export "one") (result i32) i32.const 1)
  (func (export "two") (result i32) i32.const 2))""")
)
SEVEN = b"\0\x41\x07\x0b"


def test_replace_bodies__function_behind_an_import__only_it_is_another():
    wasm = replace_bodies(TWO, {2: SEVEN})

    assert wasm == TWO.replace(b"\0\x41\x02\x0b", SEVEN)


def test_replace_bodies__longer_code__is_run():
    store = Store(Engine())
    plain = bytes(wat2wasm('(module (func (export "one") (result i32) i32.const 1))'))

    wasm = replace_bodies(plain, {0: b"\0" + b"\x01" * 200 + SEVEN[1:]})

    assert Instance(store, Module(store.engine, wasm), []).exports(store)["one"](store) == 7


@pytest.mark.parametrize("number", [0, 3])
def test_replace_bodies__import_or_no_function__is_refused(number):
    with pytest.raises(ModuleError, match=f"no code for function {number}"):
        replace_bodies(TWO, {number: SEVEN})
