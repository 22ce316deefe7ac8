"""What fuel schedule 1 counts of components: calls between parts of one, which the engine joins.

The code between the parts is the engine's own: a release that counts alike in modules may count
otherwise here. Components are the functions of JavaScript and Python, built of several parts.
"""

from typing import Final

from peer.hosting.fuel_vectors import FuelVector
from wasmarket.kernel.documents.app_parts import FUEL_SCHEDULE

_MEMORY: Final = """
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.get $next)
      (global.set $next (i32.and (i32.add (i32.add (global.get $next) (local.get 3))
        (i32.const 7)) (i32.const -8))))
    (func $pair (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1))
      (i32.const 16))
"""
_OPTIONS: Final = '(memory (core memory $m "memory")) (realloc (core func $m "realloc"))'

COMPONENT: Final = f"""(component
  (component $inner
    (core module $c {_MEMORY}
      (func (export "number") (param i32) (result i32)
        (i32.mul (local.get 0) (i32.const 3)))
      (func (export "text") (param i32 i32) (result i32)
        (call $pair (local.get 0) (local.get 1)))
      (func (export "floats") (param i32 i32) (result i32)
        (f64.store (local.get 0) (f64.div (f64.load (local.get 0)) (f64.const 0)))
        (call $pair (local.get 0) (local.get 1))))
    (core instance $m (instantiate $c))
    (func (export "number") (param "a" u32) (result u32) (canon lift (core func $m "number")))
    (func (export "text") (param "a" string) (result string)
      (canon lift (core func $m "text") {_OPTIONS}))
    (func (export "floats") (param "a" (list f64)) (result (list f64))
      (canon lift (core func $m "floats") {_OPTIONS})))
  (instance $within (instantiate $inner))
  (component $outer
    (import "number" (func $number (param "a" u32) (result u32)))
    (import "text" (func $text (param "a" string) (result string)))
    (import "floats" (func $floats (param "a" (list f64)) (result (list f64))))
    (core module $memory {_MEMORY})
    (core instance $m (instantiate $memory))
    (core func $number (canon lower (func $number)))
    (core func $text (canon lower (func $text) {_OPTIONS}))
    (core func $floats (canon lower (func $floats) {_OPTIONS}))
    (core module $c
      (import "m" "memory" (memory 1))
      (import "x" "number" (func $number (param i32) (result i32)))
      (import "x" "text" (func $text (param i32 i32 i32)))
      (import "x" "floats" (func $floats (param i32 i32 i32)))
      (func (export "own") (param i32 i32) (result i32)
        (i32.store (i32.const 32) (local.get 0)) (i32.store (i32.const 36) (local.get 1))
        (i32.const 32))
      (func (export "number") (param i32 i32) (result i32)
        (i32.store (i32.const 48) (call $number (call $number (local.get 1))))
        (i32.store (i32.const 32) (i32.const 48)) (i32.store (i32.const 36) (i32.const 4))
        (i32.const 32))
      (func (export "text") (param i32 i32) (result i32)
        (call $text (local.get 0) (local.get 1) (i32.const 32)) (i32.const 32))
      (func (export "floats") (param i32 i32) (result i32)
        (f64.store (i32.const 48) (f64.const 0)) (f64.store (i32.const 56) (f64.const 1.5))
        (call $floats (i32.const 48) (i32.const 2) (i32.const 32))
        (i32.store (i32.const 36) (i32.const 16)) (i32.const 32)))
    (core instance $i (instantiate $c
      (with "m" (instance $m))
      (with "x" (instance (export "number" (func $number)) (export "text" (func $text))
        (export "floats" (func $floats))))))
    (func (export "own") (param "a" string) (result string)
      (canon lift (core func $i "own") {_OPTIONS}))
    (func (export "number") (param "a" (list u8)) (result (list u8))
      (canon lift (core func $i "number") {_OPTIONS}))
    (func (export "text") (param "a" string) (result string)
      (canon lift (core func $i "text") {_OPTIONS}))
    (func (export "floats") (param "a" (list u8)) (result (list u8))
      (canon lift (core func $i "floats") {_OPTIONS})))
  (instance $all (instantiate $outer
    (with "number" (func $within "number"))
    (with "text" (func $within "text"))
    (with "floats" (func $within "floats"))))
  (export "own" (func $all "own"))
  (export "number" (func $all "number"))
  (export "text" (func $all "text"))
  (export "floats" (func $all "floats")))"""

_TEXT: Final = "né".encode()

FIRST_OF_COMPONENTS: Final = (
    FuelVector("own", _TEXT, 18, "6ec3a9"),
    FuelVector("number", b"\1\2\3", 71, "1b000000"),
    FuelVector("text", _TEXT, 216, "6ec3a9"),
    FuelVector("floats", b"", 337, "000000000000f87f000000000000f83f"),
)

COMPONENT_SCHEDULES: Final[dict[int, tuple[FuelVector, ...]]] = {
    FUEL_SCHEDULE: FIRST_OF_COMPONENTS,
}
