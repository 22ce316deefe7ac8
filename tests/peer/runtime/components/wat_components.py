"""Components written by hand, small enough to be compiled in milliseconds."""

from wasmtime import wat2wasm

ALLOCATOR = """
    (memory (export "memory") 1 64)
    (global $next (mut i32) (i32.const 65536))
    (func (export "realloc") (param $old i32) (param i32 i32) (param $size i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get $size)))
      (block $enough
        (loop $grow
          (br_if $enough (i32.le_u (global.get $next)
            (i32.mul (memory.size) (i32.const 65536))))
          (br_if $grow (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))
          unreachable))
      (local.get $at))
"""


def build_component(text: str) -> bytes:
    """Return the bytes of a component's text."""
    return bytes(wat2wasm(f"(component {text})"))


def build_functions(body: str, exports: str, *, types: str = "") -> bytes:
    """Return a component of one core module with a memory; `exports` lift its functions.

    They may say `$lifted` for the canonical options, and `$m` for the module's instance.
    """
    options = '(memory (core memory $m "memory")) (realloc (core func $m "realloc"))'
    return build_component(
        f"(core module $c {ALLOCATOR} {body})"
        f"(core instance $m (instantiate $c)) {types} {exports.replace('$lifted', options)}"
    )


ECHO = build_functions(
    """
    (func (export "echo") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1))
      (i32.const 16))
    (func (export "spin") (loop $on br $on))
    (func (export "fail") unreachable)
    (func $deep (export "deep") (call $deep))
    (global $calls (mut i32) (i32.const 0))
    (func (export "count") (result i32)
      (global.set $calls (i32.add (global.get $calls) (i32.const 1))) (global.get $calls))
    (func (export "eat") (loop $on
      (br_if $on (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable)
    """,
    """
    (func (export "echo") (param "text" string) (result string)
      (canon lift (core func $m "echo") $lifted))
    (func (export "echo-bytes") (param "data" (list u8)) (result (list u8))
      (canon lift (core func $m "echo") $lifted))
    (func (export "echo-numbers") (param "numbers" (list f64)) (result (list f64))
      (canon lift (core func $m "echo") $lifted))
    (func (export "spin") (canon lift (core func $m "spin")))
    (func (export "fail") (canon lift (core func $m "fail")))
    (func (export "deep") (canon lift (core func $m "deep")))
    (func (export "count") (result u32) (canon lift (core func $m "count")))
    (func (export "eat") (canon lift (core func $m "eat")))
    """,
)
"""Text, bytes and numbers back as they came, and ways to fail."""

EVERYTHING = """
    (type $kind' (enum "low" "very-high")) (import "kind" (type $kind (eq $kind')))
    (type $shape' (variant (case "circle" f64) (case "none")))
    (import "shape" (type $shape (eq $shape')))
    (type $access' (flags "read" "write-all")) (import "access" (type $access (eq $access')))
    (type $point' (record (field "x" s32) (field "first-name" string)))
    (import "point" (type $point (eq $point')))
    (type $all' (record
      (field "a" u8) (field "b" u16) (field "c" u32) (field "d" u64)
      (field "e" s8) (field "f" s16) (field "g" s32) (field "h" s64)
      (field "i" f32) (field "j" f64) (field "k" bool) (field "l" char) (field "m" string)
      (field "level" $kind) (field "shape" $shape) (field "access" $access)
      (field "points" (list $point)) (field "maybe" (option u32))
      (field "ended" (result string (error u8))) (field "pair" (tuple u8 string))
      (field "data" (list u8)) (field "flags" (list bool)) (field "numbers" (list s16))))
    (import "all" (type $all (eq $all')))
"""
ALL_TYPES = build_functions(
    '(func (export "same") (param i32) (result i32) (local.get 0))',
    """
    (func (export "same") (param "value" $all) (result $all)
      (canon lift (core func $m "same") $lifted))
    """,
    types=EVERYTHING,
)
"""One value of every type, back as it came: a parameter of so many parts lies in memory."""

ALL_VALUES = {
    "a": 255,
    "b": 65535,
    "c": 2**32 - 1,
    "d": 2**64 - 1,
    "e": -128,
    "f": -32768,
    "g": -(2**31),
    "h": -(2**63),
    "i": 1.5,
    "j": 0.1,
    "k": True,
    "l": "é",
    "m": "a\0b 😀",
    "level": "very_high",
    "shape": {"circle": 2.5},
    "access": ["write_all"],
    "points": [{"x": -1, "first_name": "Ada"}, {"x": 2, "first_name": ""}],
    "maybe": None,
    "ended": {"err": 7},
    "pair": [1, "one"],
    "data": "AAH/",
    "flags": [True, False, True],
    "numbers": [-1, 0, 32767],
}

NUMBERS = build_functions(
    """
    (func (export "divide") (param f64 f64) (result f64)
      (f64.div (local.get 0) (local.get 1)))
    (func (export "root") (param f32) (result f32) (f32.sqrt (local.get 0)))
    (func (export "bits") (param f64 f64) (result i32)
      (f64.store (i32.const 64) (f64.div (local.get 0) (local.get 1)))
      (f32.store (i32.const 72) (f32.demote_f64 (f64.div (local.get 0) (local.get 1))))
      (i32.store (i32.const 16) (i32.const 64)) (i32.store (i32.const 20) (i32.const 12))
      (i32.const 16))
    (func (export "lanes") (result i32)
      (v128.store (i32.const 64) (f32x4.div
        (v128.const f32x4 0 nan:0x200001 -3 1e30) (v128.const f32x4 0 1 -nan 7)))
      (i32.store (i32.const 16) (i32.const 64)) (i32.store (i32.const 20) (i32.const 4))
      (i32.const 16))
    """,
    """
    (func (export "divide") (param "a" f64) (param "b" f64) (result f64)
      (canon lift (core func $m "divide")))
    (func (export "root") (param "a" f32) (result f32) (canon lift (core func $m "root")))
    (func (export "bits") (param "a" f64) (param "b" f64) (result (list u8))
      (canon lift (core func $m "bits") $lifted))
    (func (export "lanes") (result (list f32)) (canon lift (core func $m "lanes") $lifted))
    """,
)
"""Numbers that are none, as such, as their bits, and in a list."""

COUNTER = build_component(
    """
    (import "wasmarket:guest/kv@1.0.0" (instance $kv
      (export "add" (func (param "key" string) (param "by" s64)
        (result (result s64 (error string)))))))
    (core module $libc """
    + ALLOCATOR
    + """)
    (core instance $libc (instantiate $libc))
    (core func $add (canon lower (func $kv "add")
      (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
    (core module $main
      (import "libc" "memory" (memory 1))
      (import "kv" "add" (func $add (param i32 i32 i64 i32)))
      (data (i32.const 64) "visits")
      (func (export "visit") (param i64) (result i64)
        (call $add (i32.const 64) (i32.const 6) (local.get 0) (i32.const 128))
        (i64.load (i32.const 136))))
    (core instance $main (instantiate $main
      (with "libc" (instance $libc))
      (with "kv" (instance (export "add" (func $add))))))
    (func (export "visit") (param "by" s64) (result s64)
      (canon lift (core func $main "visit")))
    """
)
"""Adds to a number in the store."""

KEEPER = build_component(
    """
    (import "wasmarket:guest/secret@1.0.0" (instance $secret
      (export "get" (func (param "name" string)
        (result (result (list u8) (error string)))))))
    (core module $libc """
    + ALLOCATOR
    + """)
    (core instance $libc (instantiate $libc))
    (core func $get (canon lower (func $secret "get")
      (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
    (core module $main
      (import "libc" "memory" (memory 1))
      (import "secret" "get" (func $get (param i32 i32 i32)))
      (data (i32.const 64) "TOKEN")
      (func (export "size") (result i64)
        (call $get (i32.const 64) (i32.const 5) (i32.const 128))
        (i64.or
          (i64.extend_i32_u (i32.load (i32.const 136)))
          (i64.shl (i64.extend_i32_u (i32.load8_u (i32.const 128))) (i64.const 32)))))
    (core instance $main (instantiate $main
      (with "libc" (instance $libc))
      (with "secret" (instance (export "get" (func $get))))))
    (func (export "size") (result s64)
      (canon lift (core func $main "size")))
    """
)
"""Tells how long a secret is, and by a bit above that it cannot be read."""

DICE = build_component(
    """
    (import "wasi:random/random@0.2.3" (instance $random
      (export "get-random-u64" (func (result u64)))))
    (import "wasi:clocks/monotonic-clock@0.2.3" (instance $clock
      (export "now" (func (result u64)))))
    (core func $roll (canon lower (func $random "get-random-u64")))
    (core func $now (canon lower (func $clock "now")))
    (core module $main
      (import "wasi" "roll" (func $roll (result i64)))
      (import "wasi" "now" (func $now (result i64)))
      (func (export "roll") (result i64) (call $roll))
      (func (export "now") (result i64) (call $now)))
    (core instance $main (instantiate $main (with "wasi"
      (instance (export "roll" (func $roll)) (export "now" (func $now))))))
    (func (export "roll") (result u64) (canon lift (core func $main "roll")))
    (func (export "now") (result u64) (canon lift (core func $main "now")))
    """
)
"""Randomness and time of WASI."""
