"""Pause and resume the triggers of a deal."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from wasmarket.client.developer import DeveloperClient
from wasmarket.client.documents.deal_peers import find_live_peers
from wasmarket.client.documents.signing import DealDocument
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.errors import InvalidInput, Unreachable

KIND: Final = "triggers/paused"
EVERYTHING: Final = "*"


@dataclass(frozen=True, slots=True)
class PauseState:
    """Keys of what is paused, `*` for everything; `silent` says who did not take it, and why."""

    version: int
    keys: tuple[str, ...]
    silent: dict[int, str]


class DealPauses:
    """What is paused of one deal, for its developer."""

    def __init__(self, client: DeveloperClient, wiring: Wiring, deal: int) -> None:
        self._client = client
        self._wiring = wiring
        self._deal = deal
        self._document = DealDocument(client, wiring.domain, deal, KIND)

    def pause(self, keys: Iterable[str]) -> PauseState:
        """Pause triggers by their keys; all of them where none is named. Raises Unreachable."""
        return self._change(set(keys) or {EVERYTHING}, set())

    def resume(self, keys: Iterable[str]) -> PauseState:
        """Let triggers go on; all where none is named.

        Raises InvalidInput for single ones while all are paused, Unreachable.
        """
        return self._change(set(), set(keys))

    def _change(self, added: set[str], removed: set[str]) -> PauseState:
        peers = find_live_peers(self._client, self._wiring, self._deal)
        path = f"/v1/deals/{self._deal}/triggers"
        reading = self._document.read(peers, path, "pauses", signed=False)
        before = {str(key) for key in reading.content.get("paused", ())}
        if removed and EVERYTHING in before:
            raise InvalidInput(
                f"all triggers of deal {self._deal} are paused",
                field="trigger",
                remedy="resume all, then pause those that are to rest",
            )
        keys = sorted((before | added) - removed) if added or removed else []
        version = reading.version + 1
        signed = self._document.sign({"version": version, "paused": keys})
        silent = self._document.hand_out(peers, version, signed)
        if len(silent) == len(peers):
            number, why = next(iter(silent.items()))
            raise Unreachable(f"no peer took the change; peer {number}: {why}", remedy="try again")
        return PauseState(version, tuple(keys), silent)
