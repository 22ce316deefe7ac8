"""Keep what a damaged file held beside it, and say so: it may be all that is left of something."""

import logging
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

MOST_KEPT: Final = 16
"""Copies of one file: what is damaged again and again is not kept again and again."""


def set_aside(path: Path, data: bytes, what: str) -> Path | None:
    """Write `data`, which `path` held, beside it and log an error; return where, if anywhere."""
    kept: Path | None = None
    for number in range(1, MOST_KEPT + 1):
        candidate = path.with_name(f"{path.name}.damaged-{number}")
        if candidate.exists():
            continue
        try:
            candidate.write_bytes(data)
        except OSError:
            logger.exception("a damaged file cannot be kept", extra={"path": str(path)})
            break
        kept = candidate
        break
    logger.error(
        "a file is damaged", extra={"path": str(path), "what": what, "kept": str(kept or "nowhere")}
    )
    return kept
