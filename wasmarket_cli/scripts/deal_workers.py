"""The workers of deals, as their peers prove them and the chain has their assignments."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from peer.choreography.callers.evidence import ExecutedCall
from wasmarket.client.developer import DeveloperClient
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.addresses import parse_hash, raw
from wasmarket.kernel.documents.particles import parse_peer_id
from wasmarket.kernel.errors import InvalidSignature, MarketError, NotFound
from wasmarket.kernel.signing.particles import verify_worker, worker_message
from wasmarket_cli.output import say

MOST_ASSIGNMENTS: Final = 1_000


@dataclass(frozen=True, slots=True)
class DealWorkerAt:
    """A worker of a deal that its peer has proven."""

    deal: int
    peer: int
    assignment: int
    endpoint: str


class _Found(msgspec.Struct):
    """A worker as `subnet.resolve` tells of it; `pat_id` is the assignment."""

    pat_id: str
    worker_id: list[str]


class _Subnet(msgspec.Struct):
    workers: list[_Found]


_SUBNET: Final = msgspec.json.Decoder(_Subnet)


class DealWorkers:
    """Asks the peers of deals for their workers; what is not proven is not known."""

    def __init__(self, wiring: Wiring, client: DeveloperClient) -> None:
        self._wiring = wiring
        self._client = client

    def find(self, deal: int) -> dict[str, DealWorkerAt]:
        """Return a deal's workers by id. Raises NotFound if no peer shows any."""
        found: dict[str, DealWorkerAt] = {}
        for held in self._client.deal(deal)["assignments"]:
            peer, endpoint = int(held["peer"]), held["endpoint"]
            if not endpoint:
                continue
            try:
                found |= self._ask(deal, peer, endpoint)
            except MarketError as error:
                say(f"peer {peer} shows no worker of deal {deal}: {error.detail}", err=True)
        found = self._keep_assigned(found)
        if not found:
            raise NotFound(f"no peer of deal {deal} shows a worker", field="deal")
        return found

    def find_others(
        self, calls: Iterable[ExecutedCall], known: dict[str, DealWorkerAt]
    ) -> dict[str, DealWorkerAt]:
        """Return the workers of other deals that a script found by `subnet.resolve` and called.

        What the script was told is only where to look: the chain says whose an assignment is, and
        its peer proves the worker.
        """
        calls = list(calls)
        callers = {call.peer_id for call in calls} - known.keys()
        numbers = {number for number, worker in _list_resolved(calls) if worker in callers}
        if not numbers:
            return {}
        views = self._wiring.lens.assignments(sorted(numbers)[:MOST_ASSIGNMENTS])
        others: dict[str, DealWorkerAt] = {}
        for deal in sorted({view.deal for view in views if view.deal}):
            try:
                others |= self.find(deal)
            except NotFound as error:
                say(error.detail, err=True)
        return {worker: at for worker, at in others.items() if worker in callers}

    def _ask(self, deal: int, peer: int, endpoint: str) -> dict[str, DealWorkerAt]:
        """Raises MarketError for a peer that does not answer, or proves nothing."""
        key = raw(parse_hash(self._client.matcher.get(f"/v1/peers/{peer}")["key"]))
        served = self._client.open_peer(endpoint).get(f"/v1/deals/{deal}")
        found: dict[str, DealWorkerAt] = {}
        for entry in served["assignments"]:
            worker = entry["worker"]
            if worker is None:
                continue
            number = int(entry["assignment"])
            message = worker_message(
                self._wiring.domain, peer, deal, number, parse_peer_id(worker["id"])
            )
            try:
                proof = bytes.fromhex(worker["proof"].removeprefix("0x"))
            except ValueError as error:
                raise InvalidSignature(f"the proof of worker {worker['id']} is no hex") from error
            verify_worker(key, proof, message)
            found[worker["id"]] = DealWorkerAt(deal, peer, number, endpoint)
        return found

    def _keep_assigned(self, found: dict[str, DealWorkerAt]) -> dict[str, DealWorkerAt]:
        """Return those whose assignments the chain has with the same deal and peer."""
        numbers = sorted({at.assignment for at in found.values()})
        views = self._wiring.lens.assignments(numbers) if numbers else []
        owners = {
            number: (view.deal, view.peer) for number, view in zip(numbers, views, strict=True)
        }
        return {
            worker: at
            for worker, at in found.items()
            if owners[at.assignment] == (at.deal, at.peer)
        }


def _list_resolved(calls: Iterable[ExecutedCall]) -> Iterator[tuple[int, str]]:
    """Yield assignment and worker id of each worker that `subnet.resolve` told of."""
    for call in calls:
        if (call.service, call.function) != ("subnet", "resolve"):
            continue
        try:
            subnet = _SUBNET.decode(call.value)
        except msgspec.DecodeError:
            continue
        for found in subnet.workers:
            if found.pat_id.isdecimal() and len(found.pat_id) < 20:
                yield from ((int(found.pat_id), worker) for worker in found.worker_id)
