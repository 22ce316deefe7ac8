"""`wasmarket flow verify`: check what a flow left, from the signatures to the roots on chain."""

import asyncio
import base64
from collections.abc import Iterator
from typing import Any

import click

from peer.choreography.avm_file import CHECKOUT, PLACE, REMEDY, find_avm, find_code_cache
from peer.choreography.callers.evidence import ExecutedCall, examine
from wasmarket.client.developer import DeveloperClient
from wasmarket.client.service import ServiceClient
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.addresses import parse_hash, raw
from wasmarket.kernel.audits.times import RING_EPOCHS
from wasmarket.kernel.documents.content_ids import app_cid
from wasmarket.kernel.documents.manifest import parse_manifest
from wasmarket.kernel.documents.particles import Particle
from wasmarket.kernel.documents.receipts import Receipt, function_hash, unpack_receipt
from wasmarket.kernel.errors import ConfigError, MarketError, NotFound
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.signing.particles import verify_particle
from wasmarket_cli.developer.receipts import NotProven, check_receipt, find_root
from wasmarket_cli.options import json_option
from wasmarket_cli.output import print_facts, print_json, print_table, say
from wasmarket_cli.scripts.deal_workers import DealWorkerAt, DealWorkers
from wasmarket_cli.scripts.recorded_answers import hash_answer
from wasmarket_cli.wiring import wire


@click.group()
def flow() -> None:
    """Flows: scripts that are part of an app."""


@flow.command()
@click.argument("particle", metavar="ID")
@click.option("--deal", type=click.IntRange(1), required=True, help="Deal whose flow it was")
@json_option
@click.pass_context
def verify(ctx: click.Context, particle: str, deal: int, as_json: bool) -> None:
    """Check the flow that answered with `Wasmarket-Particle: ID`.

    The initiator's signature, that the script is the app's, every peer's signature over its part,
    that their parts obey the script to its end, and that each call of a worker of the deal, and
    of other deals that the flow looked up, has a receipt with its answer, which leads to the root
    on chain once its epoch is closed.
    """
    wiring = wire(ctx)
    verifier = FlowVerifier(wiring, deal)
    kept = verifier.fetch(particle)
    rows = list(verifier.verify(kept))
    if as_json:
        keys = ("peer", "deal", "call", "receipt", "root")
        rows_ = [dict(zip(keys, row, strict=True)) for row in rows]
        print_json({"verified": True, "flow": kept["flow"], "calls": rows_})
        return
    print_facts(
        "Verified",
        [("flow", f"{kept['flow']} of deal {deal}"), ("initiator", kept["init_peer_id"])],
    )
    print_table("Calls of workers", ["peer", "deal", "call", "receipt", "root on chain"], rows)
    say("every signature fits, and the way obeys the script to its end")


class FlowVerifier:
    """Checks the flows of one deal against its peers, its app and the chain."""

    def __init__(self, wiring: Wiring, deal: int) -> None:
        self._wiring = wiring
        self._deal = deal
        self._client = DeveloperClient(wiring)
        self._find = DealWorkers(wiring, self._client)
        self._workers = self._find.find(deal)

    def fetch(self, particle: str) -> dict[str, Any]:
        """Return what a peer of the deal keeps of a flow. Raises NotFound."""
        for endpoint in dict.fromkeys(worker.endpoint for worker in self._workers.values()):
            try:
                kept: dict[str, Any] = self._client.open_peer(endpoint).get(f"/v1/flows/{particle}")
                return kept
            except NotFound:
                continue
        raise NotFound(f"no peer of deal {self._deal} keeps a flow {particle:.80}", field="id")

    def verify(self, kept: dict[str, Any]) -> Iterator[tuple[str, str, str, str, str]]:
        """Yield (peer, deal, call, receipt, root) of each call of a worker.

        Raises NotProven, which names what does not fit.
        """
        particle = _read_particle(kept)
        try:
            verify_particle(particle)
        except MarketError as error:
            raise NotProven(error.detail) from error
        if kept["init_peer_id"] not in self._workers:
            raise NotProven(f"the initiator is no worker of deal {self._deal} that a peer proves")
        self._check_script(kept)
        evidence = asyncio.run(self._examine(particle))
        if evidence.problem:
            raise NotProven(evidence.problem)
        used: set[tuple[int, int]] = set()
        workers = self._workers | self._find.find_others(evidence.calls, self._workers)
        for call in evidence.calls:
            worker = workers.get(call.peer_id)
            if worker is not None and not _is_of_initiator(call):
                found = self._find_receipt(kept, call, worker, used)
                if found is not None:
                    name = f"{call.service}.{call.function}"
                    yield f"peer {worker.peer}", str(worker.deal), name, *found

    async def _examine(self, particle: Particle) -> Any:
        module = find_avm("") or find_avm(str(self._wiring.home.root / PLACE))
        if module is None:
            raise ConfigError(f"AquaVM is not in {CHECKOUT}", remedy=REMEDY)
        cache = find_code_cache("", module, self._wiring.home.root / "cache")
        return await examine(module, cache, particle)

    def _check_script(self, kept: dict[str, Any]) -> None:
        app = parse_hash(kept["app"])
        cid = app_cid(app)
        endpoint = next(iter(self._workers.values())).endpoint
        block = self._client.open_peer(endpoint).send(
            "GET", f"/ipfs/{cid}", params={"format": "raw"}
        )
        if sha256(block.content) != raw(app):
            raise NotProven("the peer's manifest is not the app that it names")
        flows = {flow.name: flow.script for flow in parse_manifest(block.content).flows}
        if flows.get(kept["flow"]) != kept["script"]:
            raise NotProven(f"the script is not the flow {kept['flow']} of app {app}")

    def _find_receipt(
        self,
        kept: dict[str, Any],
        call: ExecutedCall,
        worker: DealWorkerAt,
        used: set[tuple[int, int]],
    ) -> tuple[str, str] | None:
        """Return the receipt of a call and its root; None for a built-in, which has none."""
        wanted = function_hash(call.service, call.function)
        peer = self._client.open_peer(worker.endpoint)
        services = peer.get(f"/v1/deals/{worker.deal}/interface")["services"]
        output = hash_answer(call.value, call.function, services.get(call.service, {}))
        for epoch, receipt in self._list_receipts(kept, peer, worker.deal):
            place = (receipt.assignment, receipt.sequence)
            is_wanted = (receipt.assignment, receipt.function) == (worker.assignment, wanted)
            if is_wanted and receipt.output == output and place not in used:
                used.add(place)
                return f"{place[0]}:{place[1]}", self._find_root(peer, epoch, place, worker)
        if call.service in services:
            raise NotProven(
                f"peer {worker.peer} signed what {call.service}.{call.function} gave, but has no "
                "receipt of it"
            )
        return None

    def _list_receipts(
        self, kept: dict[str, Any], peer: ServiceClient, deal: int
    ) -> Iterator[tuple[int, Receipt]]:
        """Yield a deal's receipts of the epochs in which the flow may have run."""
        for epoch in self._list_epochs(kept):
            params: dict[str, Any] = {"limit": 1_000}
            while True:
                page = peer.get(f"/v1/deals/{deal}/receipts/{epoch}", params)
                for item in page["items"]:
                    yield epoch, unpack_receipt(bytes.fromhex(item["packed"][2:]))
                if page["next"] is None:
                    break
                params["cursor"] = page["next"]

    def _list_epochs(self, kept: dict[str, Any]) -> list[int]:
        """Return the epochs of a flow: receipts have the chain's time, a flow that of its peer.

        A public chain's time may be a little behind. A local chain's may be ahead by epochs that
        were passed by command: then the latest ones count, as long as receipts must be kept.
        """
        wiring = self._wiring
        first = wiring.deployment.epoch_of(kept["timestamp"] // 1_000) - 1
        last = wiring.deployment.epoch_of((kept["timestamp"] + kept["ttl"]) // 1_000)
        now = wiring.deployment.epoch_of(wiring.clock.refresh())
        likely = list(range(first, last + 1))
        latest = range(now, now - RING_EPOCHS, -1)
        return likely + [epoch for epoch in latest if epoch not in likely]

    def _find_root(
        self, peer: ServiceClient, epoch: int, place: tuple[int, int], worker: DealWorkerAt
    ) -> str:
        path = f"/v1/deals/{worker.deal}/receipts/{epoch}/{place[1]}"
        answer = peer.get(path, {"assignment": place[0]})
        if answer["summary"] is None:
            return "not yet: the epoch is open"
        proven = check_receipt(answer, None)
        try:
            root = find_root(self._wiring, worker.peer, epoch)
        except NotFound:
            return "not yet: not committed"
        if root != proven.root:
            raise NotProven(f"peer {worker.peer} committed another root for epoch {epoch}")
        return root


def _is_of_initiator(call: ExecutedCall) -> bool:
    """Say whether a call is one of those that compiled Aqua makes of its initiator."""
    return call.service in ("getDataSrv", "callbackSrv", "errorHandlingSrv")


def _read_particle(kept: dict[str, Any]) -> Particle:
    return Particle(
        kept["id"],
        kept["init_peer_id"],
        kept["timestamp"],
        kept["ttl"],
        kept["script"],
        base64.b64decode(kept["signature"]),
        base64.b64decode(kept["data"]),
    )
