"""Blocks by content id: folder, import and export, HTTP in and out. Nobody else touches blocks."""
