"""Apps for the peer's tests: the example, and guests that misbehave in every way."""

from peer.runtime.abi.guest_types import Basic, FunctionSignature, NamedType, RecordType
from peer.runtime.effectors.signatures import EFFECTORS
from tests.peer.runtime.guests import build_guest

TRAP = '(func (export "trap") unreachable)'
SPIN = '(func (export "spin") (loop $forever br $forever))'
BOMB = """(func (export "bomb")
  (loop $more i32.const 16 memory.grow i32.const -1 i32.ne br_if $more)
  unreachable)"""
FLOOD = """(func (export "flood")
  i32.const 0 call $set_ptr i32.const 131072 call $set_size)"""
HEALTH = '(func (export "health") (result i32) i32.const 1)'
SICK = '(func (export "health") (result i32) i32.const 0)'
NUMBER = '(func (export "number") (result i32) i32.const 7)'
SLOW = """(func (export "slow") (result i32) (local $left i64)
  i64.const 3000000000 local.set $left
  (loop $more
    local.get $left i64.const 1 i64.sub local.tee $left i64.eqz i32.eqz br_if $more)
  i32.const 7)"""


def build_slow() -> bytes:
    """Make a guest that takes some seconds to answer."""
    return build_guest(SLOW + HEALTH, "slow() -> u32", "health() -> bool")


def build_hostile() -> bytes:
    """Make a guest with one function per way to misbehave, and one that is well."""
    return build_guest(
        TRAP + SPIN + BOMB + FLOOD + HEALTH + NUMBER,
        "trap()",
        "spin()",
        "bomb()",
        "flood() -> bytes",
        "health() -> bool",
        "number() -> u32",
    )


def build_sick() -> bytes:
    """Make a guest whose health function answers false."""
    return build_guest(SICK, "health() -> bool")


def build_importing(namespace: str) -> bytes:
    """Make a guest that imports a function of a namespace of its choice."""
    imports = f'(import "{namespace}" "get" (func (param i32)))'
    return build_guest(HEALTH, "health() -> bool", imports=imports)


def build_seeing() -> bytes:
    """Make a guest that takes an event: a record of three texts."""
    event = RecordType(
        "Balance", tuple(NamedType(name, Basic.STRING) for name in ("deal", "who", "balance"))
    )
    seen = FunctionSignature("seen", (NamedType("event", event),), (Basic.U32,))
    body = '(func (export "seen") (param i32) (result i32) i32.const 7)'
    return build_guest(body + HEALTH, seen, "health() -> bool")


def build_reading_secret(name: str = "TOKEN") -> bytes:
    """Make a guest that adds up the bytes of a secret, and tells how long the error is."""
    size = len(name)
    read = f"""(data (i32.const 0) "{name}")
    (func $read i32.const 0 i32.const {size} call $get)
    (func (export "sum") (result i32) (local $at i32) (local $end i32) (local $sum i32)
      call $read
      global.get $ptr i32.load offset=8 local.tee $at
      global.get $ptr i32.load offset=12 i32.add local.set $end
      block $done
        loop $more
          local.get $at local.get $end i32.ge_u br_if $done
          local.get $sum local.get $at i32.load8_u i32.add local.set $sum
          local.get $at i32.const 1 i32.add local.set $at
          br $more
        end
      end
      local.get $sum)
    (func (export "error") (result i32) call $read global.get $ptr i32.load offset=4)"""
    return build_guest(
        read + HEALTH,
        "sum() -> u32",
        "error() -> u32",
        "health() -> bool",
        imports='(import "wasmarket:secret" "get" (func $get (param i32 i32)))',
        links=[("wasmarket:secret", EFFECTORS["secret"]["get"])],
    )


def build_counting() -> bytes:
    """Make a guest that counts its calls with the effector `kv`."""
    count = """(data (i32.const 0) "calls")
    (func (export "count") (result i64)
      i32.const 0 i32.const 5 i64.const 1 call $add
      global.get $ptr i64.load offset=8)"""
    return build_guest(
        count + HEALTH,
        "count() -> s64",
        "health() -> bool",
        imports='(import "wasmarket:kv" "add" (func $add (param i32 i32 i64)))',
        links=[("wasmarket:kv", EFFECTORS["kv"]["add"])],
    )
