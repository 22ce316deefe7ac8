"""The bytes of core WebAssembly: sections and numbers."""
