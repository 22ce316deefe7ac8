"""The peer: follow assignments on chain, run their Wasm functions and serve calls."""
