"""What one service runs for another in its own process: loops, routes, status, and why it stands.

Services of one floor do not import one another; the command line composes them by this.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter

from wasmarket.serving.daemon import Loop


@dataclass(frozen=True, slots=True)
class HostedPart:
    """A part; its host starts and ends the loops and tells of them with its own."""

    name: str
    loops: tuple[Loop, ...]
    router: APIRouter
    """Routes that anybody may use who may use the host's."""
    status: Callable[[], Mapping[str, Any]]
    """What the host's status says under the part's name."""
    obstacles: Callable[[], list[str]]
    """Why the part does not do all its work, beside what its loops say."""
    close: Callable[[], None]
    """Let go of files and connections once the loops have ended; may block."""
