"""What fuel schedule 1 counts: a guest's functions, a body, and the fuel and answer that follow.

A peer whose engine counts otherwise, or whose processor answers otherwise, takes no work by that
schedule: an engine with other costs is the next schedule's (CONTRACTS 18). The numbers are those of
the engine in the lock, for a deterministic service.
"""

from dataclasses import dataclass
from typing import Final

from wasmarket.kernel.documents.app_parts import FUEL_SCHEDULE

FUEL_LIMIT: Final = 10_000_000

GUEST: Final = """(module (memory (export "memory") 2)
  (func (export "alloc") (param i32) (result i32) i32.const 1024)
  (func $pack (param i32 i32) (result i64)
    local.get 0 i64.extend_i32_u i64.const 32 i64.shl
    local.get 1 i64.extend_i32_u i64.or)
  (func (export "echo") (param i32 i32) (result i64) local.get 0 local.get 1 call $pack)
  (func (export "loops") (param i32 i32) (result i64) (local i32 i64)
    i64.const 1
    local.set 3
    loop
      local.get 3 i64.const 6364136223846793005 i64.mul i64.const 1442695040888963407 i64.add
      local.set 3
      local.get 2 i32.const 1 i32.add local.tee 2
      i32.const 1000 i32.lt_u
      br_if 0
    end
    i32.const 2048 local.get 3 i64.store
    i32.const 2048 i32.const 8 call $pack)
  (func (export "memory_work") (param i32 i32) (result i64)
    i32.const 4096 i32.const 7 i32.const 8192 memory.fill
    i32.const 16384 i32.const 4096 i32.const 8192 memory.copy
    i32.const 1 memory.grow drop
    i32.const 16380 i32.const 12 call $pack)
  (func $fib (param i32) (result i32)
    local.get 0 i32.const 2 i32.lt_u
    if (result i32) local.get 0
    else
      local.get 0 i32.const 1 i32.sub call $fib
      local.get 0 i32.const 2 i32.sub call $fib
      i32.add
    end)
  (func (export "calls") (param i32 i32) (result i64)
    i32.const 2048 i32.const 12 call $fib i32.store
    i32.const 2048 i32.const 4 call $pack)
  (func (export "floats") (param i32 i32) (result i64)
    i32.const 2048 f64.const 2 f64.sqrt f64.store
    i32.const 2056 f32.const 1.5 f32.nearest f32.store
    i32.const 2048 i32.const 12 call $pack)
  ;; What goes through a call is not reckoned by the compiler.
  (func $f64 (param f64) (result f64) local.get 0)
  (func $f32 (param f32) (result f32) local.get 0)
  (func (export "nans") (param i32 i32) (result i64)
    i32.const 2048 f64.const 0 call $f64 f64.const 0 call $f64 f64.div f64.store
    i32.const 2056 f64.const -nan:0x1 call $f64 f64.const 3 f64.min f64.store
    i32.const 2064 f32.const -1 call $f32 f32.sqrt f32.store
    i32.const 2048 i32.const 20 call $pack)
  (func $lanes (result v128) v128.const f32x4 0 nan:0x200001 -3 1e30)
  (func $others (result v128) v128.const f32x4 0 1 -nan 7)
  (func $bytes (result v128)
    v128.const i8x16 0 1 2 3 4 5 6 7 15 16 127 128 200 240 254 255)
  (func (export "vectors") (param i32 i32) (result i64)
    i32.const 2048 call $lanes call $others f32x4.div v128.store
    i32.const 2064 call $lanes call $others f32x4.relaxed_min v128.store
    i32.const 2080 call $bytes call $bytes i8x16.relaxed_swizzle v128.store
    i32.const 2096 call $bytes call $bytes i16x8.relaxed_dot_i8x16_i7x16_s v128.store
    i32.const 2112 call $lanes i32x4.relaxed_trunc_f32x4_s v128.store
    i32.const 2048 i32.const 80 call $pack))"""


@dataclass(frozen=True, slots=True)
class FuelVector:
    """What one function must count and answer; `output` in hex."""

    function: str
    body: bytes
    fuel: int
    output: str


BODY: Final = b"\x01\x02\x03"

FIRST: Final = (
    FuelVector("echo", BODY, 14, "010203"),
    FuelVector("loops", BODY, 13019, "a9be0cdf66ff17f5"),
    FuelVector("memory_work", BODY, 16409, "000000000707070707070707"),
    FuelVector("calls", BODY, 4664, "90000000"),
    FuelVector("floats", BODY, 22, "cd3b7f669ea0f63f00000040"),
    FuelVector("nans", BODY, 40, "000000000000f87f000000000000f87f0000c07f"),
    FuelVector(
        "vectors",
        BODY,
        56,
        "0000c07f0000c07f0000c07f55cce66f000000000000c07f0000c07f0000e040"
        "0001020304050607ff0000000000000001000d0029005500e101017f400d0500"
        "0000000000000000fdffffffffffff7f",
    ),
)

SCHEDULES: Final[dict[int, tuple[FuelVector, ...]]] = {FUEL_SCHEDULE: FIRST}
