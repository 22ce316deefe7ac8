"""`wasmarket access`: who may call a deal."""

import secrets
from typing import Any

import click

from wasmarket.client.developer import DeveloperClient
from wasmarket.kernel.documents.particles import parse_peer_id
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.units import Address
from wasmarket_cli.options import (
    ADDRESS,
    json_option,
    signing_options,
)
from wasmarket_cli.output import count, print_facts, print_json, say
from wasmarket_cli.wiring import wire

KEY_BYTES = 24


@click.command()
@click.argument("deal", type=click.IntRange(1))
@click.option("--public", is_flag=True, help="Let everybody call")
@click.option("--new-key", is_flag=True, help="Let in who has a new API key, which is shown once")
@click.option("--signer", "signers", type=ADDRESS, multiple=True, help="Let this account in")
@click.option("--initiator", "initiators", multiple=True, help="Let scripts of this peer id in")
@click.option("--revoke", is_flag=True, help="With these: shut out all older keys and accounts")
@signing_options
@json_option
@click.pass_context
def access(
    ctx: click.Context,
    deal: int,
    public: bool,
    new_key: bool,
    signers: tuple[Address, ...],
    initiators: tuple[str, ...],
    revoke: bool,
    key: str | None,
    as_json: bool,
) -> None:
    """Show who may call DEAL, or change it; you must be its developer.

    Holds at all peers of the deal, without a transaction. A deal is public until you say otherwise.
    """
    chosen = [public, new_key, bool(signers), bool(initiators)].count(True)
    if chosen > 1 or (revoke and not chosen):
        raise InvalidInput(
            "choose one of --public, --new-key, --signer and --initiator", field="mode"
        )
    for initiator in initiators:
        parse_peer_id(initiator)
    client = DeveloperClient(wire(ctx), key)
    document = client.access(deal)
    made = secrets.token_urlsafe(KEY_BYTES) if new_key else None
    if chosen:
        document = _change(document, made, signers, initiators, revoke)
        for peer in client.set_access(deal, document)["silent"]:
            say(f"peer {peer} did not answer; it learns of it from the others", err=True)
    if as_json:
        print_json({"deal": deal, **document, "new_key": made})
        return
    facts: list[tuple[str, object]] = [("mode", document["mode"])]
    if document["mode"] == "keys":
        facts.append(
            ("who", f"callers with one of {count(len(document['key_hashes']), 'API key')}")
        )
    facts += [("who", signer) for signer in document["signers"] if document["mode"] == "signers"]
    listed = document.get("peers", []) if document["mode"] == "peers" else []
    facts += [("who", f"scripts of {initiator}") for initiator in listed]
    if made:
        facts.append(("new key", made))
    print_facts(f"Access to deal {deal}, version {document['version']}", facts)
    if made:
        say(f"next: `wasmarket call {deal} … --api-key KEY`, or `Authorization: Bearer KEY`")


def _change(
    document: dict[str, Any],
    made: str | None,
    signers: tuple[Address, ...],
    initiators: tuple[str, ...],
    revoke: bool,
) -> dict[str, Any]:
    """Return the next version of an access document."""
    kept: dict[str, Any] = {"signers": [], "key_hashes": []} if revoke else document
    peers = list(kept.get("peers", []))
    mode, hashes, accounts = "public", list(kept["key_hashes"]), list(kept["signers"])
    if made is not None:
        mode, hashes = "keys", [*hashes, sha256(made.encode()).hex()]
    elif signers:
        mode, accounts = "signers", list(dict.fromkeys([*accounts, *signers]))
    elif initiators:
        mode, peers = "peers", list(dict.fromkeys([*peers, *initiators]))
    version = int(document["version"]) + 1
    changed = {"version": version, "mode": mode, "signers": accounts, "key_hashes": hashes}
    return changed | {"peers": peers} if peers else changed
