"""A guest that copies one file of a vault to another."""

from tests.peer.runtime.guests import build_guest

# The second folder that the guest has is `/tmp/vault`; what stands before a name is cut.
_SKIP = len("/tmp/vault/")


def build_copier() -> bytes:
    """Return a module whose `copy(from, to)` answers 0, or the error of WASI."""
    opened = f"i32.const {_SKIP} i32.add"
    return build_guest(
        f"""(func (export "copy") (param i32 i32 i32 i32) (result i32) (local $error i32)
          i32.const 24 i32.const 65536 i32.store
          i32.const 28 i32.const 65536 i32.store
          i32.const 4 i32.const 0 local.get 0 {opened} local.get 1 i32.const {_SKIP} i32.sub
          i32.const 0 i64.const 0x1fffffff i64.const 0 i32.const 0 i32.const 16 call $open
          local.tee $error if local.get $error return end
          i32.const 16 i32.load i32.const 24 i32.const 1 i32.const 20 call $read
          local.tee $error if local.get $error return end
          i32.const 4 i32.const 0 local.get 2 {opened} local.get 3 i32.const {_SKIP} i32.sub
          i32.const 1 i64.const 0x1fffffff i64.const 0 i32.const 0 i32.const 16 call $open
          local.tee $error if local.get $error return end
          i32.const 28 i32.const 20 i32.load i32.store
          i32.const 16 i32.load i32.const 24 i32.const 1 i32.const 20 call $write)""",
        "copy(from: string, to: string) -> i32",
        imports="""
          (import "wasi_snapshot_preview1" "path_open"
            (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_read"
            (func $read (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_write"
            (func $write (param i32 i32 i32 i32) (result i32)))""",
        memory='(memory (export "memory") 3)',
    )
