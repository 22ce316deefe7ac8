"""`wasmarket peer seats`: take and leave the seats of a juror."""

from dataclasses import dataclass

import click

from wasmarket.chain.contracts.bindings import Audits, MarketLens
from wasmarket.chain.sending.transactions import Submitter
from wasmarket.client.usage.audit_fees import allow_flt
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.audits.times import CASE_EPOCHS
from wasmarket.kernel.errors import InvalidInput, Reverted
from wasmarket.kernel.units import Address, format_flt
from wasmarket_cli.options import (
    json_option,
    signing_options,
    yes_option,
)
from wasmarket_cli.output import count, print_json, say
from wasmarket_cli.wiring import wire

MOST = 100


@dataclass(frozen=True, slots=True)
class JurorSeat:
    """A place of the jurors as the chain has it; `quit` 0: it has not quit."""

    seat: int
    peer: int
    quit: int


@click.command("seats")
@click.argument("number", type=click.IntRange(1))
@click.argument("wanted", metavar="COUNT", type=click.IntRange(0, MOST))
@signing_options
@yes_option
@json_option
@click.pass_context
def seats(
    ctx: click.Context, number: int, wanted: int, key: str | None, yes: bool, as_json: bool
) -> None:
    """Have COUNT seats of a juror for peer NUMBER: take what is missing, quit what is too many.

    A seat costs a stake, which comes back; a juror that does not reveal, or is against five that
    agree, is fined. The peer judges by itself while it runs. What was quit is freed here once its
    time is over.
    """
    wiring = wire(ctx)
    account = wiring.account(key)
    sender, audits = wiring.sender(account), wiring.audits
    if wanted:
        check_owner(wiring.lens, number, account.address)
    freed = _free_old(audits, sender, number)
    known = read_seats(audits)
    held = [seat for seat in known if seat.peer == number and not seat.quit]
    missing = wanted - len(held)
    stake = wiring.deployment.parameters.seat
    if missing > 0:
        if not (yes or as_json):
            told = f"{format_flt(missing * stake)} FLT"
            click.confirm(f"Stake {told} for {count(missing, 'seat')}?", abort=True)
        allow_flt(wiring, account, missing * stake)
    empty = [seat.seat for seat in known if not seat.peer]
    taken: list[int] = []
    for _ in range(max(0, missing)):
        seat = empty.pop(0) if empty else len(known) + len(taken)
        sender.send(audits.call("take_seat", seat, number))
        taken.append(seat)
    quit_ = [seat.seat for seat in held[wanted:]]
    for seat in quit_:
        sender.send(audits.call("quit_seat", seat))
    if as_json:
        print_json({"peer": number, "taken": taken, "quit": quit_, "freed": freed})
        return
    say(f"peer {number} has {count(wanted, 'seat')}: {len(taken)} taken, {len(quit_)} quit")
    if freed:
        say(f"  {count(len(freed), 'seat')} freed: the stake is in the account's balance of Audits")
    if quit_:
        say(f"  their stake is free {CASE_EPOCHS} epochs from now: run this again then")


def read_seats(audits: Audits) -> list[JurorSeat]:
    """Return all places, also the empty ones (peer 0)."""
    number = int(audits.read("seat_count"))
    words = audits.read_many("seat_word", [(seat,) for seat in range(number)])
    return [
        JurorSeat(seat, word & (2**32 - 1), word >> 72 & (2**40 - 1))
        for seat, word in enumerate(words)
    ]


def check_owner(lens: MarketLens, number: int, address: Address) -> None:
    """Refuse before anything is allowed or asked. Raises InvalidInput."""
    owner = lens.peers([number])[0].provider
    if owner == ZERO_ADDRESS:
        raise InvalidInput(f"there is no peer {number}", field="number")
    if owner != address:
        raise InvalidInput(
            f"peer {number} belongs to {owner}, not to {address}",
            field="number",
            remedy="choose the provider's key with --key",
        )


def _free_old(audits: Audits, sender: Submitter, number: int) -> list[int]:
    freed: list[int] = []
    for seat in read_seats(audits):
        if seat.peer == number and seat.quit:
            try:
                sender.send(audits.call("free_seat", seat.seat))
            except Reverted:
                # In a case, or not long enough ago.
                continue
            freed.append(seat.seat)
    return freed
