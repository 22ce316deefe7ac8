"""`wasmarket audit accuse | contradict`: hold a peer to what it shows of one epoch."""

from dataclasses import dataclass

import click

from meter.papers.examine import Claim, Finding, Papers, examine, prove_receipt
from meter.papers.fetch import PaperFetcher
from wasmarket.client.usage.audit_fees import send_paying
from wasmarket.client.wiring import Wiring
from wasmarket.kernel import events
from wasmarket.kernel.audits.evidence import Summed
from wasmarket.kernel.audits.juries import JURY
from wasmarket.kernel.errors import InvalidInput, NotFound, Refused, Unreachable
from wasmarket.kernel.units import format_flt
from wasmarket_cli.options import (
    json_option,
    signing_options,
    yes_option,
)
from wasmarket_cli.output import print_json, say
from wasmarket_cli.wiring import wire


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a peer shows for an epoch, and what is known of it beforehand."""

    claim: Claim
    papers: Papers

    @property
    def summed(self) -> Summed:
        """The summary that leads to the committed root. Raises Refused."""
        root = self.claim.root
        found = next((one for one in self.papers.summaries if one.leads_to(root)), None)
        if found is None:
            raise Refused(
                "the peer shows no summary that leads to its root",
                remedy="ask it on chain: `wasmarket audit ask`; silence convicts",
            )
        return found


@click.command()
@click.argument("assignment", type=click.IntRange(1, 2**32 - 1))
@click.argument("epoch", type=click.IntRange(0, 2**32 - 1))
@signing_options
@json_option
@click.pass_context
def contradict(
    ctx: click.Context, assignment: int, epoch: int, key: str | None, as_json: bool
) -> None:
    """Fetch what the peer of ASSIGNMENT shows for EPOCH; if it contradicts itself, convict it.

    Free of fees; a quarter of what is seized is yours, up to a cap.
    """
    wiring = wire(ctx)
    shown = _fetch(wiring, assignment, epoch)
    finding: Finding = examine(shown.claim, shown.papers)
    found = finding.contradiction
    if found is None:
        raise Refused(
            finding.problem or f"{finding.receipts} receipts, and nothing wrong with them",
            remedy=f"`wasmarket audit ask {assignment} {epoch} {finding.sequence}`"
            if finding.must_ask
            else None,
        )
    call = wiring.audits.call(
        "contradict",
        assignment,
        int(found.kind),
        found.summed,
        found.called,
        found.other,
        found.other_called,
        0,
        0,
    )
    receipt = wiring.sender(wiring.account(key)).send(call)
    seized = sum(event.seized for event in receipt.find(events.Contradicted))
    if as_json:
        print_json({"assignment": assignment, "kind": int(found.kind), "seized": str(seized)})
        return
    say(f"convicted: {finding.problem}; {format_flt(seized)} FLT seized")


@click.command()
@click.argument("assignment", type=click.IntRange(1, 2**32 - 1))
@click.argument("epoch", type=click.IntRange(0, 2**32 - 1))
@click.argument("sequence", type=click.IntRange(0, 2**64 - 1))
@signing_options
@yes_option
@json_option
@click.pass_context
def accuse(
    ctx: click.Context,
    assignment: int,
    epoch: int,
    sequence: int,
    key: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Say that receipt SEQUENCE of ASSIGNMENT in EPOCH is wrong, and have a jury run it again.

    Costs a stake and the fees of seven jurors; both come back with a conviction. Asks before it
    pays. See to it that the call's input can be had by its digest: publish it on a gateway.
    """
    wiring = wire(ctx)
    shown = _fetch(wiring, assignment, epoch)
    first = shown.summed.summary.first_sequence
    place = sequence - first
    number = len(shown.papers.receipts)
    if not 0 <= place < number:
        raise NotFound(
            f"the peer shows no receipt {sequence} of epoch {epoch}",
            field="sequence",
            remedy=f"it shows {first} to {first + number - 1}"
            if number
            else "it had no calls then",
        )
    called = prove_receipt(shown.papers.receipts, place)
    terms = wiring.deployment.parameters
    fees = JURY * terms.juror_fee
    cost = terms.stake + fees
    if not (yes or as_json):
        told = f"a stake of {format_flt(terms.stake)} and {format_flt(fees)} for {JURY} jurors"
        click.confirm(f"Pay {format_flt(cost)} FLT to accuse ({told})?", abort=True)
    call = wiring.audits.call("accuse", assignment, shown.summed, called)
    [opened] = send_paying(wiring, wiring.account(key), call, cost).find(events.Opened)
    if as_json:
        print_json({"case": opened.case, "cost": str(cost), "receipt": opened.receipt})
        return
    say(f"case {opened.case} accuses receipt {sequence} of assignment {assignment}")
    say(f"  {format_flt(cost)} FLT are held for it; next: `wasmarket audit draw {opened.case}`")


def _fetch(wiring: Wiring, assignment: int, epoch: int) -> _Shown:
    """Return what the peer of an assignment shows. Raises NotFound, Unreachable, InvalidInput."""
    [word] = wiring.market.assignments([assignment])
    if not word.deal:
        raise InvalidInput(f"there is no assignment {assignment}, or no more", field="assignment")
    [root] = wiring.proofs.roots([(word.peer, epoch)])
    if root is None:
        raise NotFound(
            f"peer {word.peer} has no root of epoch {epoch} on chain that still counts",
            field="epoch",
            remedy="a root counts for 16 epochs",
        )
    endpoint = str(wiring.http.get(_peer_url(wiring, word.peer)).json()["endpoint"])
    fetcher = PaperFetcher(wiring.http)
    papers = fetcher.fetch(endpoint, word.deal, assignment, epoch, root)
    claim = Claim(
        peer=word.peer,
        deal=word.deal,
        assignment=assignment,
        epoch=epoch,
        epoch_seconds=wiring.deployment.parameters.epoch_seconds,
        root=root,
        previous=_fetch_previous(
            wiring, fetcher, endpoint, word.peer, word.deal, assignment, epoch
        ),
    )
    return _Shown(claim, papers)


def _fetch_previous(
    wiring: Wiring,
    fetcher: PaperFetcher,
    endpoint: str,
    peer: int,
    deal: int,
    assignment: int,
    epoch: int,
) -> Summed | None:
    """Return the proven summary of the epoch before, if the peer still shows one."""
    [root] = wiring.proofs.roots([(peer, epoch - 1)])
    if root is None:
        return None
    try:
        papers = fetcher.fetch(endpoint, deal, assignment, epoch - 1, root)
    except Unreachable:
        return None
    return next((one for one in papers.summaries if one.leads_to(root)), None)


def _peer_url(wiring: Wiring, peer: int) -> str:
    return f"{wiring.client.matcher.rstrip('/')}/v1/peers/{peer}"
