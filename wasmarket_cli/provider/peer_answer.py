"""`wasmarket peer answer`: answer for a peer from its folder or a copy, whoever has it."""

from pathlib import Path

import click

from peer.chain_state.facts import Facts, apply_update
from peer.chain_state.view import OpenAsk
from peer.duties.answers import Answers, EvidencePlace
from peer.settings import PeerSettings
from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.reading.follower import Follower
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.errors import NotFound
from wasmarket_cli.errors import Exit
from wasmarket_cli.options import json_option, key_option
from wasmarket_cli.output import count, print_json, say
from wasmarket_cli.wiring import wire


@click.command("answer")
@click.argument("number", type=click.IntRange(1))
@click.option(
    "--from",
    "places",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    multiple=True,
    help="Folder with receipts and closed epochs of the peer [`[peer] receipt_copies`]",
)
@key_option
@json_option
@click.pass_context
def answer(
    ctx: click.Context, number: int, places: tuple[Path, ...], key: str | None, as_json: bool
) -> int:
    """Answer the open asks about peer NUMBER from copies of its receipts.

    A running peer answers by itself. This is for the day on which it cannot: anybody may do it,
    from any account, until somebody has the case resolved.
    """
    wiring = wire(ctx)
    account = wiring.account(key)
    sender, audits = wiring.sender(account), wiring.audits
    asks = find_open_asks(wiring, number)
    answers = Answers([EvidencePlace(place) for place in places or _copies(wiring)])
    done: list[int] = []
    missing: dict[int, str] = {}
    for ask in asks:
        try:
            summed, called = answers.find(ask)
        except NotFound as error:
            missing[ask.case] = error.detail
            continue
        sender.send(audits.call("answer", ask.case, summed, called))
        done.append(ask.case)
    if as_json:
        print_json({"answered": done, "missing": missing})
    else:
        say(f"{count(len(done), 'ask')} about peer {number} answered")
        for detail in missing.values():
            say(detail, err=True)
    return Exit.FAILED if missing else Exit.OK


def find_open_asks(wiring: Wiring, number: int) -> list[OpenAsk]:
    """Return the asks about a peer that nobody has answered or resolved, from the chain alone."""
    deployment = wiring.deployment
    facts = Facts(deployment.chain_id, deployment.market, number)
    for update in Follower(wiring.rpc, deployment, Decoder(deployment)).poll([]):
        apply_update(facts, update)
    return [
        OpenAsk(case, ask.assignment, ask.epoch, ask.sequence, ask.opened.time)
        for case, ask in sorted(facts.asks.items())
        if ask.closed is None
    ]


def _copies(wiring: Wiring) -> list[Path]:
    places = wiring.configuration.read(PeerSettings, "peer").receipt_copies
    if not places:
        raise NotFound("no folder has copies of receipts", remedy="give one with --from FOLDER")
    return [Path(place).expanduser() for place in places]
