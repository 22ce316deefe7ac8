"""`wasmarket peer answer`: answer for a peer from its folder or a copy, whoever has it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from peer.chain_state.facts import Facts, apply_update
from peer.chain_state.view import OpenAsk
from peer.copies.places import open_stores, parse_places
from peer.copies.remote import find_evidence
from peer.duties.answers import Answers, AnswerSource, EvidencePlace
from peer.settings import PeerSettings
from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.reading.follower import Follower
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.errors import NotFound
from wasmarket.kernel.signing.typed_data import market_domain
from wasmarket.kernel.units import Address
from wasmarket_cli.errors import Exit
from wasmarket_cli.options import (
    json_option,
    signing_options,
)
from wasmarket_cli.output import count, print_json, say
from wasmarket_cli.wiring import wire


@click.command("answer")
@click.argument("number", type=click.IntRange(1))
@click.option(
    "--from",
    "places",
    metavar="PLACE",
    multiple=True,
    help="Folder, bucket or peer with copies [`[peer] receipt_copies`]",
)
@signing_options
@json_option
@click.pass_context
def answer(
    ctx: click.Context, number: int, places: tuple[str, ...], key: str | None, as_json: bool
) -> int:
    """Answer the open asks about peer NUMBER from copies of its receipts.

    A running peer answers by itself. This is for the day on which it cannot: anybody may do it,
    from any account, until somebody has the case resolved.
    """
    wiring = wire(ctx)
    account = wiring.account(key)
    sender, audits = wiring.sender(account), wiring.audits
    facts = read_facts(wiring, number)
    asks = find_open_asks(facts)
    done: list[int] = []
    missing: dict[int, str] = {}
    with open_evidence(wiring, places, facts.peers[number].wallet) as evidence:
        answers = Answers(evidence)
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


def read_facts(wiring: Wiring, number: int) -> Facts:
    """Return what the chain tells of a peer. Raises NotFound if there is no such peer."""
    deployment = wiring.deployment
    facts = Facts(deployment.chain_id, deployment.market, number)
    for update in Follower(wiring.rpc, deployment, Decoder(deployment)).poll([]):
        apply_update(facts, update)
    if number not in facts.peers:
        raise NotFound(f"there is no peer {number} on this chain")
    return facts


def find_open_asks(facts: Facts) -> list[OpenAsk]:
    """Return the asks about a peer that nobody has answered or resolved."""
    return [
        OpenAsk(case, ask.assignment, ask.epoch, ask.sequence, ask.opened.time)
        for case, ask in sorted(facts.asks.items())
        if ask.closed is None
    ]


@contextmanager
def open_evidence(
    wiring: Wiring, places: Sequence[str], wallet: Address
) -> Iterator[list[AnswerSource]]:
    """Give what answers are found in: these places, or those of the settings.

    Copies that are no folders are of the peer with this wallet. Raises NotFound, ConfigError.
    """
    settings = wiring.configuration.read(PeerSettings, "peer")
    given = parse_places(places or settings.receipt_copies)
    if not (given.folders or given.urls):
        raise NotFound("no place has copies of receipts", remedy="give one with --from PLACE")
    for folder in given.folders:
        if places and not folder.is_dir():
            raise NotFound(f"there is no folder {folder}", remedy="give one that has copies")
    deployment = wiring.deployment
    domain = market_domain(deployment.chain_id, deployment.market)
    stores = open_stores(given.urls, settings, wallet, domain, None, wiring.clock.now)
    try:
        with TemporaryDirectory(prefix="wasmarket-answer-") as room:
            yield [
                *(EvidencePlace(folder) for folder in given.folders),
                *find_evidence(stores, Path(room)),
            ]
    finally:
        for store in stores:
            store.close()
