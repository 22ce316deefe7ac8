"""Keep the newest request of a kind that the developer signed, in one file of the deal."""

from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from peer.folder import PRIVATE, write_atomically
from wasmarket.kernel.documents.json_text import decode_json
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.signing.developer_documents import DeveloperDocument
from wasmarket.serving.damage import set_aside


class Versioned(Protocol):
    """What a document says."""

    @property
    def version(self) -> int:
        """The higher one wins."""


ContentT = TypeVar("ContentT", bound=Versioned)


class SignedContent(msgspec.Struct):
    """What the file has: the request, and beside it what is not signed, by name."""

    document: DeveloperDocument | None = None
    beside: dict[str, str] = {}


class SignedFile(Generic[ContentT]):
    """One document of a deal; `content` is what the developer's request says, read."""

    def __init__(self, path: Path, content: ContentT) -> None:
        """Read what is there; `content` holds where there is nothing. A damaged file is set aside,
        and the deal's other peers send another.
        """
        self._path = path
        self.content = content
        self.signed: DeveloperDocument | None = None
        self._beside: dict[str, str] = {}
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return
        try:
            kept = decode_json(data, SignedContent)
            if kept.document is not None:
                self.content = self._read(decode_json(kept.document.body))
                self.signed, self._beside = kept.document, kept.beside
        except (msgspec.DecodeError, InvalidInput):
            set_aside(path, data, "a document that the developer signed: others have it")

    def _read(self, document: Any) -> ContentT:
        """Read what the request says. Raises InvalidInput."""
        raise NotImplementedError

    @property
    def version(self) -> int:
        """Return its version, 0 if there is none."""
        return self.content.version

    @property
    def state(self) -> tuple[int, bytes]:
        """Return what tells one document from another: its version and its hash."""
        return (self.version, b"" if self.signed is None else self.signed.rank)

    def adopt(self, content: ContentT, signed: DeveloperDocument) -> bool:
        """Take a document if it wins; say whether it did.

        The higher version wins; of two of one version the one with the greater hash does, so that
        all peers end with the same. Raises OSError when it cannot be kept.
        """
        if (content.version, signed.rank) <= self.state:
            return False
        self._keep(content, signed, self._beside)
        return True

    def _keep(
        self, content: ContentT, signed: DeveloperDocument | None, beside: dict[str, str]
    ) -> None:
        data = msgspec.json.encode(SignedContent(signed, beside))
        write_atomically(self._path, data, PRIVATE)
        self.content, self.signed, self._beside = content, signed, beside
