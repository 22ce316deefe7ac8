"""The Python client: what developers and providers do, for programs."""
