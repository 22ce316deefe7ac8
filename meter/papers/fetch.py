"""Fetch what a peer shows for an epoch, as raw as it can be had."""

import time
from collections.abc import Callable
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
ANSWER_SECONDS = 60.0
"""Longest time for all of an answer: a peer that drips keeps the others waiting."""
PAGE_SECONDS = 1.0
"""What each page of receipts that the root promises may take more, for the epoch as a whole."""


class _SummaryPart(msgspec.Struct):
    packed: str
    index: int
    size: int
    proof: list[str]


class _EpochPage(msgspec.Struct):
    summaries: list[_SummaryPart]


class PaperFetcher:
    """Asks peers; whatever they answer is examined before it is believed."""

    def __init__(
        self, client: httpx.Client, read_clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`read_clock` returns seconds."""
        self._client = client
        self._read_clock = read_clock

    def fetch(self, endpoint: str, deal: int, assignment: int, epoch: int, root: bytes) -> Papers:
        """Return what a peer shows: receipts if its summary leads to the root that it committed.

        Raises Unreachable if it shows nothing that can be read, or takes too long to.
        """
        base = f"{endpoint.rstrip('/')}/v1/deals/{deal}/receipts/{epoch}"
        until = self._read_clock() + ANSWER_SECONDS
        page = self._read_json(base, {"limit": 1}, until)
        summaries = tuple(_to_summed(part) for part in page.summaries[: 2 * MOST_AT_ONCE])
        ours = tuple(summed for summed in summaries if summed.fields[2] == assignment)
        proven = next((summed for summed in ours if summed.leads_to(root)), None)
        if proven is None:
            # Receipts of what nothing was committed for are worth nothing.
            return Papers(ours, ())
        receipts: list[bytes] = []
        expected, after = min(proven.fields[5], MOST_RECEIPTS), proven.fields[4] - 1
        until += expected / MOST_AT_ONCE * PAGE_SECONDS
        while len(receipts) < expected:
            found = self._read_packed(f"{base}/packed", assignment, after + len(receipts), until)
            if not found:
                break
            receipts += found
        return Papers(ours, tuple(receipts))

    def fetch_receipt(
        self, endpoint: str, deal: int, assignment: int, epoch: int, sequence: int
    ) -> bytes | None:
        """Return one receipt, of an epoch that may be open. Raises Unreachable."""
        base = f"{endpoint.rstrip('/')}/v1/deals/{deal}/receipts/{epoch}/packed"
        until = self._read_clock() + ANSWER_SECONDS
        found = self._read_packed(base, assignment, sequence - 1, until)
        return found[0] if found else None

    def _read_packed(self, url: str, assignment: int, after: int, until: float) -> list[bytes]:
        answer = self._get(url, {"assignment": assignment, "after": after}, until)
        size = len(answer) // RECEIPT_BYTES * RECEIPT_BYTES
        return [answer[at : at + RECEIPT_BYTES] for at in range(0, size, RECEIPT_BYTES)]

    def _read_json(self, url: str, parameters: dict[str, Any], until: float) -> _EpochPage:
        try:
            return msgspec.json.decode(self._get(url, parameters, until), type=_EpochPage)
        except msgspec.DecodeError as error:
            raise Unreachable(f"{url} answers what is no epoch: {error}") from error

    def _get(self, url: str, parameters: dict[str, Any], until: float) -> bytes:
        try:
            with self._client.stream("GET", url, params=parameters) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise Unreachable(f"{url} answers {answer.status_code}")
                data = bytearray()
                for part in answer.iter_bytes():
                    data += part
                    if len(data) > MOST_ANSWER:
                        raise Unreachable(f"{url} answers more than {MOST_ANSWER} bytes")
                    if self._read_clock() > until:
                        raise Unreachable(f"{url} is too slow: it was given up")
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
