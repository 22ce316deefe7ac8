"""`wasmarket receipt`: fetch a call's receipt and check it against what is on chain."""

from dataclasses import dataclass
from typing import Any

import click

from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.reading.logs import LogReader
from wasmarket.client.developer import DeveloperClient
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.documents.merkle import verify_inclusion
from wasmarket.kernel.documents.receipts import (
    Receipt,
    Summary,
    receipt_hash,
    unpack_receipt,
    unpack_summary,
)
from wasmarket.kernel.errors import InvalidInput, MarketError, NotFound
from wasmarket.kernel.events import Committed
from wasmarket_cli.options import json_option
from wasmarket_cli.output import print_facts, print_json
from wasmarket_cli.wiring import wire

LOOK_BACK = 64
"""Epochs in which a receipt is looked for."""


class NotProven(MarketError):
    """The receipt is not what the peer committed to"""

    slug = "not-proven"


@dataclass(frozen=True, slots=True)
class Proven:
    """A receipt that leads to the root on chain."""

    receipt: Receipt
    summary: Summary
    hash: bytes
    root: str


@click.group()
def receipt() -> None:
    """What a peer says it ran, and the proof that it said so on chain."""


@receipt.command()
@click.argument("deal", type=click.IntRange(1))
@click.argument("name", metavar="ASSIGNMENT:SEQUENCE[:SHA256]")
@click.option("--epoch", type=click.IntRange(0), help=f"Of the call [looked for in {LOOK_BACK}]")
@click.option("--peer", type=click.IntRange(1), help="Ask this peer [the assignment's]")
@json_option
@click.pass_context
def verify(
    ctx: click.Context, deal: int, name: str, epoch: int | None, peer: int | None, as_json: bool
) -> None:
    """Check a receipt of DEAL, named as `call --json` and the Wasmarket-Receipt header name it.

    Its bytes must hash to SHA256 if given, lie under the assignment's root, and that under the
    root which the peer committed on chain.
    """
    wiring = wire(ctx)
    assignment, sequence, digest = _parse_name(name)
    asked = peer or wiring.lens.assignments([assignment])[0].peer
    answer = _fetch(wiring, deal, (assignment, sequence), epoch, asked)
    proven = check_receipt(answer, digest)
    _check_name(proven, deal, assignment, sequence)
    summary = proven.summary
    if epoch is not None and summary.epoch != epoch:
        raise NotProven(f"the peer gave a receipt of epoch {summary.epoch}")
    root = find_root(wiring, summary.peer, summary.epoch)
    if root != proven.root:
        raise NotProven(
            f"the peer committed {root} for epoch {summary.epoch}, the proof leads elsewhere"
        )
    _show(proven, as_json)


def _fetch(
    wiring: Wiring, deal: int, receipt: tuple[int, int], epoch: int | None, peer: int
) -> dict[str, Any]:
    """Return what the peer says of a receipt, of the newest epoch that has it. Raises NotFound."""
    gateway = DeveloperClient(wiring).gateway
    headers = {"Wasmarket-Peer": str(peer)} if peer else None
    assignment, sequence = receipt
    newest = wiring.deployment.epoch_of(wiring.clock.refresh())
    epochs = range(newest, max(0, newest - LOOK_BACK), -1) if epoch is None else (epoch,)
    for number in epochs:
        path = f"/v1/deals/{deal}/receipts/{number}/{sequence}"
        params = {"assignment": assignment}
        try:
            answer: dict[str, Any] = gateway.send(
                "GET", path, params=params, headers=headers
            ).json()
            return answer
        except NotFound as error:
            absent = error
    raise NotFound(
        f"the peer has no receipt {assignment}:{sequence} of deal {deal}",
        field="name",
        remedy="peers keep receipts for so many epochs; name the call's by --epoch if it is older",
    ) from absent


def check_receipt(answer: dict[str, Any], digest: bytes | None) -> Proven:
    """Check a receipt's proofs up to the root that the peer names. Raises NotProven."""
    try:
        return _check(answer, digest)
    except (KeyError, TypeError, ValueError, InvalidInput) as error:
        raise NotProven(f"the peer's answer is not a receipt with its proofs: {error}") from error


def _check(answer: dict[str, Any], digest: bytes | None) -> Proven:
    summary_view = answer["summary"]
    if summary_view is None:
        raise NotProven("the epoch is not closed yet", remedy="try again after its end")
    packed, packed_summary = _bytes(answer["packed"]), _bytes(summary_view["packed"])
    hashed = receipt_hash(packed)
    if digest is not None and digest != hashed:
        raise NotProven("the receipt is another one than the call's header named")
    summary = unpack_summary(packed_summary)
    receipt = unpack_receipt(packed)
    place = (summary.first_sequence + int(answer["index"]), summary.count)
    if (receipt.sequence, int(answer["size"])) != place:
        raise NotProven("the receipt is not where its assignment's summary says")
    if not _leads(answer, packed, summary.receipts_root):
        raise NotProven("the receipt is not among those of its assignment and epoch")
    if not _leads(summary_view, packed_summary, _bytes(answer["root"])):
        raise NotProven("the assignment is not among those of the epoch's root")
    return Proven(receipt, summary, hashed, str(answer["root"]))


def find_root(wiring: Wiring, peer: int, epoch: int) -> str:
    """Return the root that a peer committed on chain for an epoch. Raises NotFound."""
    deployment = wiring.deployment
    decoder = Decoder(deployment)
    reader = LogReader(wiring.rpc, [deployment.proofs])
    for stretch in reader.scan(deployment.block, wiring.rpc.fetch_block_number()):
        for raw in stretch.logs:
            log = decoder.decode(raw, 0)  # type: ignore[arg-type]
            event = log.event if log else None
            if isinstance(event, Committed) and (event.peer, event.epoch) == (peer, epoch):
                return event.root
    raise NotFound(
        f"peer {peer} has not committed epoch {epoch} on chain",
        remedy="peers commit in the epoch after; an epoch that is never committed is not paid",
    )


def _check_name(proven: Proven, deal: int, assignment: int, sequence: int) -> None:
    """Raise NotProven unless the receipt is the one that was asked for."""
    receipt, summary = proven.receipt, proven.summary
    named = (receipt.deal, receipt.assignment, receipt.sequence)
    if named != (deal, assignment, sequence) or summary.assignment != assignment:
        raise NotProven(
            f"the peer gave receipt {receipt.assignment}:{receipt.sequence} of deal {receipt.deal}"
        )


def _leads(view: dict[str, Any], entry: bytes, root: bytes) -> bool:
    proof = [_bytes(step) for step in view["proof"]]
    return verify_inclusion(entry, int(view["index"]), int(view["size"]), proof, root)


def _parse_name(name: str) -> tuple[int, int, bytes | None]:
    parts = name.split(":")
    try:
        if len(parts) not in (2, 3):
            raise ValueError
        digest = bytes.fromhex(parts[2]) if len(parts) == 3 else None
        return int(parts[0]), int(parts[1]), digest
    except ValueError as error:
        raise InvalidInput(
            f"{name!r} names no receipt",
            field="name",
            remedy="give ASSIGNMENT:SEQUENCE:SHA256 as in the call's Wasmarket-Receipt header",
        ) from error


def _bytes(text: str) -> bytes:
    return bytes.fromhex(str(text).removeprefix("0x"))


def _show(proven: Proven, as_json: bool) -> None:
    receipt, summary = proven.receipt, proven.summary
    facts: dict[str, Any] = {
        "peer": summary.peer,
        "epoch": summary.epoch,
        "deal": receipt.deal,
        "assignment": receipt.assignment,
        "sequence": receipt.sequence,
        "status": receipt.status.name.lower(),
        "input": receipt.input.hex(),
        "output": receipt.output.hex(),
        "fuel": receipt.fuel,
        "size": receipt.size,
        "duration_us": receipt.duration_us,
        "time": receipt.time,
        "hash": proven.hash.hex(),
        "root": proven.root,
    }
    if as_json:
        print_json(facts)
        return
    print_facts("Receipt: proven on chain", facts.items())
