"""The demo's story: what happens, in order, and how it is told."""

from scripts.story.chapters import Story
from scripts.story.teller import Teller

__all__ = ["Story", "Teller"]
