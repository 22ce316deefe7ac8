;; What a benchmark runs. Each function takes four bytes, the number of its rounds (little endian),
;; and answers eight, so that nothing can be left out. Integers and IEEE 754 doubles only, no NaN:
;; every engine computes the same.
(module (memory (export "memory") 32)
  (func (export "alloc") (param i32) (result i32) i32.const 1024)
  (func $answer (param i64) (result i64)
    i32.const 2048 local.get 0 i64.store
    i64.const 8796093022216)  ;; 2048 << 32 | 8

  ;; Nothing: what a call itself takes.
  (func (export "nothing") (param i32 i32) (result i64)
    i64.const 0 call $answer)

  ;; Integers: a congruential generator, whitened by shifts, and a division.
  (func (export "integer") (param i32 i32) (result i64) (local $left i32) (local $x i64)
    local.get 0 i32.load local.set $left
    i64.const 88172645463325252 local.set $x
    loop $again
      local.get $x i64.const 6364136223846793005 i64.mul i64.const 1442695040888963407 i64.add
      local.tee $x
      local.get $x i64.const 29 i64.shr_u i64.xor local.tee $x
      local.get $x i64.const 1000003 i64.rem_u i64.add local.set $x
      local.get $left i32.const 1 i32.sub local.tee $left
      br_if $again
    end
    local.get $x call $answer)

  ;; Memory: reads and writes of 8 bytes all over one MiB, whose places depend on what was read.
  (func (export "memory_work") (param i32 i32) (result i64)
    (local $left i32) (local $at i32) (local $sum i64)
    local.get 0 i32.load local.set $left
    i32.const 65536 i32.const 1 i32.const 1048576 memory.fill
    loop $again
      local.get $at i32.const 1664525 i32.mul i32.const 1013904223 i32.add local.set $at
      local.get $at i32.const 1048568 i32.and i32.const 65536 i32.add
      local.get $at i32.const 1048568 i32.and i32.const 65536 i32.add i64.load
      local.get $sum i64.add local.tee $sum
      i64.store
      local.get $at local.get $sum i32.wrap_i64 i32.xor local.set $at
      local.get $left i32.const 1 i32.sub local.tee $left
      br_if $again
    end
    local.get $sum call $answer)

  ;; Hashing: 64 KiB by FNV-1a, eight bytes at a time, turned after each.
  (func (export "hashing") (param i32 i32) (result i64)
    (local $left i32) (local $at i32) (local $hash i64)
    local.get 0 i32.load local.set $left
    i64.const -3750763034362895579 local.set $hash
    i32.const 65536 i32.const 171 i32.const 65536 memory.fill
    loop $again
      i32.const 0 local.set $at
      loop $block
        local.get $hash
        local.get $at i64.load offset=65536 i64.xor
        i64.const 1099511628211 i64.mul
        i64.const 27 i64.rotl
        local.set $hash
        local.get $at i32.const 8 i32.add local.tee $at
        i32.const 65536 i32.lt_u
        br_if $block
      end
      i32.const 98304 local.get $hash i64.store
      local.get $left i32.const 1 i32.sub local.tee $left
      br_if $again
    end
    local.get $hash call $answer)

  ;; Doubles: the logistic map, which never comes to rest, and the sum of its roots and quotients.
  (func (export "floats") (param i32 i32) (result i64)
    (local $left i32) (local $x f64) (local $sum f64)
    local.get 0 i32.load local.set $left
    f64.const 0.3 local.set $x
    loop $again
      local.get $x f64.const 3.9375 f64.mul f64.const 1 local.get $x f64.sub f64.mul
      local.tee $x
      f64.sqrt local.get $sum f64.add
      local.get $x f64.const 1.25 f64.add f64.div
      local.set $sum
      local.get $left i32.const 1 i32.sub local.tee $left
      br_if $again
    end
    local.get $sum i64.reinterpret_f64 call $answer))
