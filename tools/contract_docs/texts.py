"""What NatSpec cannot say: who is who, what public variables and storage mean."""

from tools.contract_docs.facts import Function

ANYBODY = "anybody"

CALLERS = (
    ("Provider only", "the peer's provider"),
    ("Developer only", "the deal's developer"),
    ("Owner only", "the owner"),
    ("Market only", "Market"),
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
    "first epoch not yet claimed. `end`: last paid epoch, once ended. `skipped`: missed part of "
    "epoch `next` in 1/65,536. `state`: 1 pending, 2 active, 3 ended.",
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
