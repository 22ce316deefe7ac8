"""WebAssembly components: what they say of themselves, and how they are run."""
