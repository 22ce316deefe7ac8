"""The secrets of a deal on this peer: on disk only as boxes that are sealed to this peer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from peer.documents.signed_file import SignedFile
from wasmarket.kernel.errors import NotFound
from wasmarket.kernel.signing.developer_documents import DeveloperDocument
from wasmarket.kernel.signing.secrets import (
    SecretList,
    SecretOpener,
    parse_secret_list,
    unpack_secret,
)

FILE: Final = "secrets.json"


class SecretStore(SignedFile[SecretList]):
    """One deal's. A box is opened each time that it is read: nothing of it stays in memory."""

    def __init__(self, path: Path, opener: SecretOpener) -> None:
        self._opener = opener
        super().__init__(path, SecretList())

    def _read(self, document: Any) -> SecretList:
        return parse_secret_list(document)

    @property
    def state(self) -> tuple[int, bytes]:
        """Return what tells one state from another: with the names whose boxes are here."""
        version, rank = super().state
        return (version, rank + ",".join(sorted(self._beside)).encode())

    @property
    def missing(self) -> list[str]:
        """Return the names of secrets whose boxes are not here."""
        return sorted(self.content.digests.keys() - self._beside.keys())

    def adopt(self, content: SecretList, signed: DeveloperDocument) -> bool:
        """Take a list if it wins; boxes of what it does not promise any more go."""
        if (content.version, signed.rank) <= super().state:
            return False
        before = self.content.digests
        kept = {
            name: box
            for name, box in self._beside.items()
            if content.digests.get(name) == before.get(name)
        }
        self._keep(content, signed, kept)
        return True

    def take_boxes(self, boxes: Mapping[str, str]) -> None:
        """Keep boxes that were lacking. Raises InvalidInput for one that is not sealed to us."""
        taken = {}
        for name in self.missing:
            if name in boxes:
                self._opener.open(boxes[name], self.content.digests[name])
                taken[name] = boxes[name]
        if taken:
            self._keep(self.content, self.signed, self._beside | taken)

    def open_packed(self, name: str) -> bytes:
        """Return a secret as boxes hold it. Raises NotFound."""
        box = self._beside.get(name)
        if box is None or name not in self.content.digests:
            raise NotFound(f"the secret {name!r} is not set at this peer")
        return self._opener.open(box, self.content.digests[name])

    def read(self, name: str) -> bytes:
        """Return a secret's value. Raises NotFound, InvalidInput for a damaged box."""
        return unpack_secret(self.open_packed(name))

    def can_give(self, names: list[str]) -> list[str]:
        """Return which of these are here."""
        return [name for name in names if name in self._beside]

    def forget(self) -> None:
        """Remove everything: this peer is no part of the deal any more. Raises OSError."""
        self._path.unlink(missing_ok=True)
        self.content, self.signed, self._beside = SecretList(), None, {}
