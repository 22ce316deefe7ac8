"""A guest that fills its storage with bytes or names."""

from tests.peer.runtime.guests import build_guest

IMPORTS = """
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file"
    (func $unlink (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory"
    (func $mkdir (param i32 i32 i32) (result i32)))"""
# `fill` writes 64 KiB at a time to files of 1 MiB until a write fails, and answers the error.
# `name` makes empty files as long as it may. `clean` removes the first file. `ok` does nothing.
FILLER = build_guest(
    """(data (i32.const 0) "f00000000")
    (func $next_name (local $at i32)
      i32.const 8 local.set $at
      (loop $carry
        local.get $at local.get $at i32.load8_u i32.const 1 i32.add i32.store8
        local.get $at i32.load8_u i32.const 58 i32.eq if
          local.get $at i32.const 48 i32.store8
          local.get $at i32.const 1 i32.sub local.set $at
          br $carry
        end))
    (func $create (param $length i32) (result i32)
      i32.const 3 i32.const 0 i32.const 0 local.get $length i32.const 1
      i64.const 0x1fffffff i64.const 0 i32.const 0 i32.const 16 call $open)
    (func (export "fill") (result i32) (local $error i32) (local $left i32)
      i32.const 24 i32.const 65536 i32.store
      i32.const 28 i32.const 65536 i32.store
      (loop $file
        call $next_name
        i32.const 9 call $create local.tee $error if local.get $error return end
        i32.const 16 local.set $left
        (loop $block
          i32.const 16 i32.load i32.const 24 i32.const 1 i32.const 20 call $write
          local.tee $error if local.get $error return end
          local.get $left i32.const 1 i32.sub local.tee $left br_if $block)
        i32.const 16 i32.load call $close drop
        br $file)
      unreachable)
    (func (export "name")
      (loop $file
        call $next_name
        i32.const 9 call $create drop
        i32.const 16 i32.load call $close drop
        br $file))
    (func (export "clean") (result i32) (local $left i32)
      i32.const 1000 local.set $left
      (loop $file
        call $next_name
        i32.const 3 i32.const 0 i32.const 9 call $unlink drop
        local.get $left i32.const 1 i32.sub local.tee $left br_if $file)
      i32.const 0)
    (func (export "ok") (result i32) i32.const 1)""",
    "fill() -> i32",
    "name()",
    "clean() -> i32",
    "ok() -> bool",
    imports=IMPORTS,
    memory='(memory (export "memory") 3)',
)
EFBIG = 22
"""What WASI calls a file that may not grow."""
