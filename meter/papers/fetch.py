"""Fetch what a peer shows for an epoch, as raw as it can be had."""

from typing import Any

import httpx
import msgspec

from meter.papers.examine import Papers
from wasmarket.kernel.audits.evidence import MOST_SUMMED, Summed, split_words
from wasmarket.kernel.documents.merkle import NODE_BYTES
from wasmarket.kernel.documents.receipts import RECEIPT_BYTES, SUMMARY_BYTES
from wasmarket.kernel.errors import Unreachable

MOST_AT_ONCE = 4_096
MOST_RECEIPTS = 20_000_000
"""A peer that goes on for ever shows nothing."""
MOST_ANSWER = 8 << 20


class _SummaryPart(msgspec.Struct):
    packed: str
    index: int
    size: int
    proof: list[str]


class _EpochPage(msgspec.Struct):
    summaries: list[_SummaryPart]


class PaperFetcher:
    """Asks peers; whatever they answer is examined before it is believed."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def fetch(self, endpoint: str, deal: int, assignment: int, epoch: int) -> Papers:
        """Return what a peer shows. Raises Unreachable if it shows nothing that can be read."""
        base = f"{endpoint.rstrip('/')}/v1/deals/{deal}/receipts/{epoch}"
        page = self._read_json(base, {"limit": 1})
        summaries = tuple(_to_summed(part) for part in page.summaries[: 2 * MOST_AT_ONCE])
        ours = tuple(summed for summed in summaries if summed.fields[2] == assignment)
        receipts: list[bytes] = []
        expected = ours[0].fields[5] if ours else 0
        after = ours[0].fields[4] - 1 if ours else -1
        while len(receipts) < min(expected, MOST_RECEIPTS):
            found = self._read_packed(f"{base}/packed", assignment, after + len(receipts))
            if not found:
                break
            receipts += found
        return Papers(ours, tuple(receipts))

    def fetch_receipt(
        self, endpoint: str, deal: int, assignment: int, epoch: int, sequence: int
    ) -> bytes | None:
        """Return one receipt, of an epoch that may be open. Raises Unreachable."""
        base = f"{endpoint.rstrip('/')}/v1/deals/{deal}/receipts/{epoch}/packed"
        found = self._read_packed(base, assignment, sequence - 1)
        return found[0] if found else None

    def _read_packed(self, url: str, assignment: int, after: int) -> list[bytes]:
        answer = self._get(url, {"assignment": assignment, "after": after})
        size = len(answer) // RECEIPT_BYTES * RECEIPT_BYTES
        return [answer[at : at + RECEIPT_BYTES] for at in range(0, size, RECEIPT_BYTES)]

    def _read_json(self, url: str, parameters: dict[str, Any]) -> _EpochPage:
        try:
            return msgspec.json.decode(self._get(url, parameters), type=_EpochPage)
        except msgspec.DecodeError as error:
            raise Unreachable(f"{url} answers what is no epoch: {error}") from error

    def _get(self, url: str, parameters: dict[str, Any]) -> bytes:
        try:
            with self._client.stream("GET", url, params=parameters) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise Unreachable(f"{url} answers {answer.status_code}")
                data = bytearray()
                for part in answer.iter_bytes():
                    data += part
                    if len(data) > MOST_ANSWER:
                        raise Unreachable(f"{url} answers more than {MOST_ANSWER} bytes")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(f"{url} does not answer: {error}") from error
        return bytes(data)


def _to_summed(part: _SummaryPart) -> Summed:
    try:
        packed = bytes.fromhex(part.packed.removeprefix("0x"))
        path = tuple(bytes.fromhex(node.removeprefix("0x")) for node in part.proof)
    except ValueError as error:
        raise Unreachable("a summary is not written in hex") from error
    if len(packed) != SUMMARY_BYTES or len(path) > MOST_SUMMED:
        raise Unreachable("a summary has another size")
    if any(len(node) != NODE_BYTES for node in path) or part.index < 0 or part.size < 0:
        raise Unreachable("a summary's path is none")
    return Summed(split_words(packed), part.index, part.size, path)
