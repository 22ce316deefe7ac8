"""The door for Python programs: one object with what developers and providers do."""
