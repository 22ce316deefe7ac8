"""What NatSpec cannot say: who is who, what public variables and storage mean."""

from tools.contract_docs.facts import Function

ANYBODY = "anybody"

CALLERS = (
    ("Provider only", "the peer's provider"),
    ("Developer only", "the deal's developer"),
    ("Owner only", "the owner"),
    ("Market only", "Market"),
    ("Meter only", "Meter"),
    ("Audits only", "Audits"),
    ("Provider of the peer only", "the peer's provider"),
    ("Wallet or provider of the juror", "the wallet or provider of the juror's peer"),
    ("Wallet or provider", "the peer's wallet or provider"),
    ("Developer; refused ids", "the deal's developer"),
    ("whose wallet you are", "the peers' wallet"),
    ("if the owner named you", "the account that the owner named"),
)
"""Phrases of `@notice`, with who may call."""

CALLERS_OF = {
    "match": "the offer's `matcher` or its developer; anybody if `matcher` is zero",
}
GUARDS = ("_check_owner", "_check_provider", "_check_developer", "_check_market")

GETTERS = {
    "owner": "Who may pause matching and pass this on.",
    "next_owner": "Who may become the owner, zero if nobody.",
    "paused": "Whether `match` is refused.",
    "owner_of_deal": "The developer of a deal.",
    "retired": "The last epoch in which an address was the wallet of a peer, if it is not now.",
    "case_by": "Who opened a case.",
    "case_count": "How many cases there are; ids begin at 1.",
    "case_of": "The last case with a key: keccak256(abi.encode(assignment, epoch, sequence)) of an "
    "ask, the receipt's hash of an accusation.",
    "case_value": "Of an accusation what the receipt says that running the call again gives; of an "
    "ask the epoch in the low 32 bits and the sequence above.",
    "jury_word": "The jury of a case: seven places of 32 bits, low bits first.",
    "revealed_word": "Bit set of the jurors of a case that revealed.",
    "vote_of": "By case and place: the commitment of a juror, and its vote once revealed.",
    "undrawn": "How many accusations wait for their draw.",
    "free": "The FLT that an account can withdraw.",
    "burned": "The FLT that is nobody's for ever.",
    "seat_count": "How many places there are; they are numbered from 0.",
    "taken_seats": "How many places are not empty.",
    "TOKEN": "The token that is paid with.",
}

SLOTS = {
    "counts._word": "How many peers, deals and assignments there are; ids begin at 1.",
    "ledger._accounts": "By account: free USDC, and the counter that its offers must carry.",
    "offers._offers": "By account and offer hash: what is known of an offer. `deal` is the deal "
    "that a developer offer made.",
    "ownership.owner": "The owner.",
    "ownership.next_owner": "The account that may become the owner.",
    "ownership.paused": "Whether `match` is refused.",
    "peers._peers": "By peer. `units` are for sale and bonded, `used` are those of pending, active "
    "and dead unreleased assignments.",
    "peers._extras": "By peer: hot key and traits.",
    "deals.owner_of_deal": "By deal: its developer.",
    "deals._deals": "By deal, as of epoch `settled`. `rate` is billed when an epoch begins, "
    "`units` are those of live assignments, `run` counts lapses.",
    "deals._run_ends": "By `deal × 256 + run`: last funded epoch of a run that lapsed.",
    "assignments._assignments": "By assignment; zero once nothing is left to claim and the units "
    "are back. `start`: time of the match while pending, epoch of activation afterwards. `next`: "
    "first epoch not yet claimed; while pending the block of the match. `end`: last epoch, once "
    "ended. `skipped`: missed part of epoch `next` in 1/65,536. `state`: 1 pending, 2 active, 3 "
    "ended, 4 metered, 5 closed; of the last two `next` and `skipped` are what was paid.",
    "peers.retired": "By peer and address: the last epoch in which it was the peer's wallet.",
    "deals._meters": "By metered deal: who signs its usage.",
    "cases.case_count": "How many cases there are.",
    "cases.case_by": "By case: who opened it.",
    "cases.case_value": "By case: the value of the accused receipt; of an ask epoch and sequence.",
    "cases.jury_word": "By case: seven places of 32 bits.",
    "cases.revealed_word": "By case: bit set of the jurors that revealed.",
    "cases.vote_of": "By case and place: the commitment, then the vote.",
    "cases.case_of": "By key: the last case with it.",
    "cases.undrawn": "Accusations that wait for their draw.",
    "cases._cases": "By case. `kind`: 1 ask, 2 accusation; `state`: 1 open, 2 drawn, 3 shown, 4 "
    "closed; `since` and `block`: when the phase began; `seats`: places at the accusation; "
    "`outcome`: 1 answered, 2 convicted, 3 acquitted, 4 void.",
    "seats.seat_count": "Places, from 0.",
    "seats.taken_seats": "Places that are not empty.",
    "seats._seats": "By place; zero if it is empty. `quit`: 0 until then; `cases`: that it is in.",
    "purse.free": "By account: FLT that it can withdraw.",
    "purse.burned": "FLT that is nobody's for ever.",
    "_roots": "By peer and `epoch % 16`: the root that it committed to.",
    "_stakes": "By account: FLT that is free, and FLT that is locked as a bond.",
    "_leaving": "By account: FLT on its way out, and the time from which it can be withdrawn.",
    "_bits": "By peer and `epoch // 256`: bit `epoch % 256` says that the epoch is proven.",
}


class Unexplained(Exception):
    """The sources have something that no text explains"""


def say_who(function: Function) -> str:
    """Return who may call a function, by its NatSpec.

    Raises Unexplained for a guarded function whose NatSpec names nobody.
    """
    notice = function.doc.tags["notice"]
    named = [who for phrase, who in CALLERS if phrase in notice]
    if function.name in CALLERS_OF:
        named = [CALLERS_OF[function.name]]
    if not named and any(guard in function.calls for guard in GUARDS):
        raise Unexplained(f"{function.contract}.{function.name}: say in @notice who may call it")
    return named[0] if named else ANYBODY


def explain_slot(contract: str, name: str) -> str:
    """Return what a storage variable holds. Raises Unexplained."""
    if name not in SLOTS:
        raise Unexplained(f"{contract}: say in tools/contract_docs/texts.py what {name} holds")
    return SLOTS[name]


def explain_getter(function: Function, constructor: Function) -> str:
    """Return what a function or public variable without NatSpec says. Raises Unexplained.

    An immutable is explained where the constructor takes it.
    """
    text = function.doc.tags.get("notice") or GETTERS.get(function.name)
    text = text or constructor.doc.params.get(function.name.lower())
    if text is None:
        raise Unexplained(f"{function.contract}: say in texts.py what {function.name} is")
    return text
