"""Values of wishes that stand for something else; apart, so that who only reads loads no keys."""

from typing import Final

ANY: Final = 2**32 - 1
"""Stands for "however many evictions": 0 is a wish."""
