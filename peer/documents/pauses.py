"""Which triggers of a deal its developer has paused."""

import re
from dataclasses import dataclass
from typing import Any, Final, Protocol

from peer.documents.gossip import MAX_VERSION, DocumentGossip, SharedDeal
from peer.documents.signed_file import SignedFile
from wasmarket.kernel.documents.json_fields import JsonFields, check_text
from wasmarket.kernel.signing.developer_documents import DeveloperDocument

FILE: Final = "paused.json"
EVERYTHING: Final = "*"
MAX_KEYS: Final = 1_024
_KEY: Final = re.compile(r"\*|[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Pauses:
    """Keys of paused triggers, or `*` for all, those of later versions too."""

    version: int = 0
    keys: frozenset[str] = frozenset()


def parse_pauses(document: Any) -> Pauses:
    """Read a document. Raises InvalidInput with the field."""
    fields = JsonFields(document)
    pauses = Pauses(
        version=fields.integer("version", 1, MAX_VERSION),
        keys=frozenset(
            check_text(entry, _KEY, "the key of a trigger, or `*`", "paused")
            for entry in fields.items("paused", 0, MAX_KEYS)
        ),
    )
    fields.finish()
    return pauses


class PauseFile(SignedFile[Pauses]):
    """The pauses of a deal; nothing is paused until the developer says so."""

    def _read(self, document: Any) -> Pauses:
        return parse_pauses(document)

    def has(self, key: str) -> bool:
        """Say whether a trigger is paused."""
        return bool(self.content.keys & {key, EVERYTHING})


class PausedDeal(SharedDeal, Protocol):
    """A deal whose peers agree on what is paused."""

    @property
    def pauses(self) -> PauseFile:
        """The document that is here."""


class PauseGossip(DocumentGossip[PausedDeal]):
    """Tells and takes pauses."""

    kind = "triggers/paused"

    def find(self, hosted: PausedDeal) -> PauseFile:
        """Return a deal's document."""
        return hosted.pauses

    def adopt(self, hosted: PausedDeal, document: DeveloperDocument) -> bool:
        """Take a document if it wins. Raises Forbidden, InvalidSignature, InvalidInput."""
        deal = hosted.deal
        path = f"/v1/deals/{deal.id}/{self.kind}"
        return hosted.pauses.adopt(
            parse_pauses(document.read(path, deal.developer, self._domain)), document
        )
