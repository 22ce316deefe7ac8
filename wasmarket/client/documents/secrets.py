"""Set, list and remove the secrets of a deal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wasmarket.client.developer import DeveloperClient
from wasmarket.client.documents.deal_peers import DealPeer, fetch_keys, find_live_peers
from wasmarket.client.documents.signing import DealDocument, DocumentReading
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.errors import InvalidInput, NotFound, Unreachable
from wasmarket.kernel.signing.secrets import (
    A_NAME,
    MAX_SECRETS,
    NAME,
    SecretList,
    dump_secret_list,
    hash_packed,
    pack_secret,
    parse_secret_list,
    seal_secret,
)

KIND = "secrets"


@dataclass(frozen=True, slots=True)
class SecretState:
    """The secrets of a deal; `missing` says which each peer cannot open yet, `silent` who does not
    tell and why."""

    listed: SecretList
    peers: tuple[int, ...]
    missing: Mapping[int, list[str]]
    silent: Mapping[int, str]


class DealSecrets:
    """The secrets of one deal, for its developer."""

    def __init__(self, client: DeveloperClient, wiring: Wiring, deal: int) -> None:
        self._client = client
        self._wiring = wiring
        self._deal = deal
        self._document = DealDocument(client, wiring.domain, deal, KIND)

    def read(self) -> SecretState:
        """Return which secrets there are. Raises NotFound, Unreachable."""
        return self._state(*self._read())

    def set(self, name: str, value: bytes) -> SecretState:
        """Seal a value to each live peer; return what is set then.

        Raises InvalidInput for a name or value that cannot be one, Unreachable where no live peer
        took it or could open it.
        """
        if not NAME.fullmatch(name):
            raise InvalidInput(f"{name!r:.80} is no name", field="name", remedy=f"give {A_NAME}")
        packed = pack_secret(value)
        peers, reading = self._read()
        before = _list(reading)
        if name not in before.digests and len(before.digests) >= MAX_SECRETS:
            raise InvalidInput(
                f"deal {self._deal} has {MAX_SECRETS} secrets, which is the most",
                field="name",
                remedy="remove one with `wasmarket secret rm`",
            )
        boxes, unfit = self._seal(peers, packed)
        if not boxes:
            # Nothing is handed out: peers would list a secret that nobody has.
            raise self._closed(unfit)
        listed = SecretList(before.version + 1, {**before.digests, name: hash_packed(packed)})
        silent = self._hand_out(peers, listed, {peer: {name: box} for peer, box in boxes.items()})
        if not boxes.keys() - silent.keys():
            raise self._closed(unfit | silent)
        return self._say(listed, peers, {peer: [name] for peer in unfit}, unfit | silent)

    def remove(self, name: str) -> SecretState:
        """Remove a secret from all peers. Raises NotFound, Unreachable where nobody took it."""
        peers, reading = self._read()
        before = _list(reading)
        if name not in before.digests:
            known = ", ".join(sorted(before.digests)) or "none"
            raise NotFound(
                f"deal {self._deal} has no secret {name!r:.80}",
                field="name",
                remedy=f"it has {known}",
            )
        digests = {key: value for key, value in before.digests.items() if key != name}
        listed = SecretList(before.version + 1, digests)
        silent = self._hand_out(peers, listed, {})
        if len(silent) == len(peers):
            number, why = next(iter(silent.items()))
            raise Unreachable(f"no peer took the change; peer {number}: {why}", remedy="try again")
        return self._say(listed, peers, {}, silent)

    def _read(self) -> tuple[list[DealPeer], DocumentReading]:
        peers = find_live_peers(self._client, self._wiring, self._deal)
        return peers, self._document.read(peers, f"/v1/deals/{self._deal}/{KIND}")

    def _seal(self, peers: list[DealPeer], packed: bytes) -> tuple[dict[int, str], dict[int, str]]:
        """Return a box for each peer, and why there is none for others."""
        keys = fetch_keys(self._wiring, [peer.number for peer in peers])
        boxes, unfit = {}, {}
        for number, key in keys.items():
            try:
                boxes[number] = seal_secret(packed, key)
            except InvalidInput as error:
                unfit[number] = error.detail
        return boxes, unfit

    def _closed(self, reasons: Mapping[int, str]) -> Unreachable:
        number, why = next(iter(reasons.items()))
        return Unreachable(
            f"no peer of deal {self._deal} can open it; peer {number}: {why}",
            remedy="set it again once a peer answers: `wasmarket status` says which are live",
        )

    def _hand_out(
        self, peers: list[DealPeer], listed: SecretList, boxes: Mapping[int, dict[str, str]]
    ) -> dict[int, str]:
        signed = self._document.sign(dump_secret_list(listed))
        return self._document.hand_out(
            peers, listed.version, signed, lambda peer: {"boxes": boxes.get(peer, {})}
        )

    def _state(self, peers: list[DealPeer], reading: DocumentReading) -> SecretState:
        missing: dict[int, list[str]] = {}
        listed = _list(reading)
        for number, answer in reading.answers.items():
            known: Any = answer.get("missing") if isinstance(answer, dict) else None
            if answer.get("version") != listed.version:
                missing[number] = sorted(listed.digests)
            elif isinstance(known, list) and known:
                missing[number] = [str(name) for name in known]
        return self._say(listed, peers, missing, reading.silent)

    def _say(
        self,
        listed: SecretList,
        peers: list[DealPeer],
        missing: Mapping[int, list[str]],
        silent: Mapping[int, str],
    ) -> SecretState:
        return SecretState(listed, tuple(peer.number for peer in peers), missing, silent)


def _list(reading: DocumentReading) -> SecretList:
    if not reading.content:
        return SecretList()
    return parse_secret_list(reading.content)
