"""Count the vectors' fuel by whatever wasmtime is imported, with its own API alone; print it.

`--own-nans` leaves NaNs as the processor makes them.
"""

import json
import sys

import wasmtime

from peer.hosting.fuel_vectors import FIRST, FUEL_LIMIT, GUEST

config = wasmtime.Config()
config.consume_fuel = True
config.cranelift_nan_canonicalization = "--own-nans" not in sys.argv
config.wasm_relaxed_simd_deterministic = True
engine = wasmtime.Engine(config)
module = wasmtime.Module(engine, GUEST)
found = {}
for vector in FIRST:
    store = wasmtime.Store(engine)
    store.set_fuel(FUEL_LIMIT)
    exports = wasmtime.Instance(store, module, []).exports(store)
    before = store.get_fuel()
    place = exports["alloc"](store, len(vector.body))
    exports["memory"].write(store, vector.body, place)
    packed = exports[vector.function](store, place, len(vector.body)) & (2**64 - 1)
    fuel = before - store.get_fuel()
    start, length = packed >> 32, packed & 0xFFFF_FFFF
    output = exports["memory"].read(store, start, start + length)
    found[vector.function] = (fuel, bytes(output).hex())
print(json.dumps(found))
