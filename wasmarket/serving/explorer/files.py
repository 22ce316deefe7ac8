"""The explorer's built files, which `explorer/build` writes into the package."""

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SITE = Path(__file__).parent / "site"
INDEX = "index.html"


@dataclass(frozen=True, slots=True)
class SiteFile:
    """One file, as it is sent; `etag` names its content, `packed` is the same by gzip."""

    content: bytes
    packed: bytes
    media_type: str
    etag: str


def load_site(folder: Path = SITE) -> Mapping[str, SiteFile]:
    """Return the files of a folder by name; empty where nothing was built."""
    if not (folder / INDEX).is_file():
        return {}
    return {path.name: _read(path) for path in sorted(folder.iterdir())}


def _read(path: Path) -> SiteFile:
    content = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if kind.startswith("text/"):
        kind += "; charset=utf-8"
    packed = gzip.compress(content, mtime=0)
    return SiteFile(content, packed, kind, f'W/"{hashlib.sha256(content).hexdigest()[:32]}"')
