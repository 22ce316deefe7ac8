"""What is measured: names, bars, and what other contracts cost.

The figures of others are cited, not measured here: each system was compiled from its public
sources and deployed on Anvil 1.7.1 (prague) with a plain ERC-20 (bench/README.md). "Incumbent" is
Fluence's deal contracts, version 0.14.
"""

from collections.abc import Mapping
from dataclasses import dataclass

GAS = "gas"
BYTE = "byte"
# EIP-170.
CODE_BAR = 24_576

MATCH = "create a deal and match 1 peer, from tokens"
MATCH_FREE = "create a deal and match 1 peer, from free balance"
MATCH_PERMIT = "create a deal and match 1 peer, by permit"
MATCH_ALL_TERMS = "create a deal and match 1 peer, all terms on"
MATCH_TEN = "create a deal and match 10 units of 1 peer"
MATCH_MORE_UNITS = "9 more units of the same peer, call data aside"
FILL = "each further peer in a match, other providers"
FILL_SAME = "each further peer in a match, same provider"
FILLS_32 = "create a deal and match 32 peers"
REFILL_32 = "refill with 32 peers beside 32"
REFILL_8 = "refill with 1 peer beside 8"
REFILL_63 = "refill with 1 peer beside 63"
OFFER = "sign an offer, sign it anew at another price"
PUBLISH = "publish an offer on chain, if wanted"
CANCEL = "cancel an offer"
REGISTER = "register a peer with 32 units, bond staked"
ACTIVATE = "activate 1"
ACTIVATE_DEALS = "activate, each further, other deals"
ACTIVATE_PEERS = "activate, each further, same deal"
COMMIT = "commit an epoch, 1 peer"
COMMIT_MORE = "commit an epoch, each further peer"
COMMIT_EARLY = "commit an epoch, 1 peer, one of its first 16"
CLAIM = "claim 1"
CLAIM_DEALS = "claim, each further, same provider, other deals"
CLAIM_PEERS = "claim, each further, same provider, same deal"
CLAIM_OTHERS = "claim, each further, other providers"
CLAIM_REFUND = "claim 1, an unproven epoch refunded"
CLAIM_FIRST = "claim 1, first of a provider"
CLAIM_WITHDRAW = "claim 1 and withdraw"
DEPOSIT = "deposit"
WITHDRAW = "withdraw"
TOP_UP = "top up, from tokens"
TOP_UP_FREE = "top up, from free balance"
TAKE = "take from a deal"
STOP = "stop a deal"
STOP_FIRST = "stop a deal, first of an account"
LEAVE = "leave"
DROP = "drop"
EVICT = "evict"
RELEASE = "release"
EVICT_PENDING = "evict, pending"
CLAIM_LAST = "claim that finishes an ended assignment"
FEWER_UNITS = "set units, fewer"
SET_WALLET = "set wallet"
PULSE = "pulse"
MATCH_METERED = "create a metered deal and match 1 peer, from tokens"
ACTIVATE_METERED = "activate 1, metered"
REDEEM_FIRST = "redeem, first of a provider"
REDEEM = "redeem, further"
REDEEM_MORE = "redeem, each more in a batch"
ASK = "ask"
ANSWER = "answer, paths of 6 and 20"
ANSWER_IDLE = "answer, summary only"
CONTRADICT = "contradict by a link, paths of 6 and 2 × 20, convicts"
SILENCE = "silence convicts"
ACCUSE = "accuse, paths of 6 and 20"
DRAW = "draw a jury of 7"
VOTE = "vote"
SHOW = "begin the reveals"
REVEAL = "reveal"
ACQUIT = "resolve: acquit"
CONVICT = "resolve: convict, 7 jurors"
SEAT = "take a seat"
NAMES = ("Market", "MarketLens", "Staking", "Proofs", "Meter", "Audits")
CODE = {name: f"code of {name}" for name in NAMES}


@dataclass(frozen=True, slots=True)
class Cited:
    """A figure of somebody else's contracts."""

    name: str
    value: int


@dataclass(frozen=True, slots=True)
class Measure:
    """One row: the most it may be (None: no bar), what the incumbent and the best other need.

    `excuse`: why the bar is missed and stays so; it is printed, and growth still fails.
    """

    name: str
    bar: int | None = None
    incumbent: Cited | None = None
    other: Cited | None = None
    unit: str = GAS
    excuse: str = ""


def fluence(value: int, what: str) -> Cited:
    """Cite the incumbent."""
    return Cited(f"Fluence 0.14, {what} (cited)", value)


def cite(name: str, value: int) -> Cited:
    """Cite somebody else."""
    return Cited(f"{name} (cited)", value)


MEASURES: tuple[Measure, ...] = (
    Measure(
        MATCH,
        190_000,
        fluence(669_785 + 644_268, "create and match"),
        cite("Sablier Flow, create", 164_144),
    ),
    Measure(MATCH_FREE, 190_000),
    Measure(MATCH_PERMIT),
    Measure(MATCH_ALL_TERMS),
    Measure(MATCH_TEN, 190_000, fluence(669_785 + 3_405_273, "create and match")),
    Measure(MATCH_MORE_UNITS, 0, fluence(3_405_273 - 644_268, "9 of 10 units")),
    Measure(FILL, 46_000, fluence(306_778, "each unit"), cite("CoW, each trade", 55_000)),
    Measure(FILL_SAME, 46_000, fluence(306_778, "each unit"), cite("CoW, each trade", 55_000)),
    Measure(FILLS_32),
    Measure(REFILL_32),
    Measure(REFILL_8),
    Measure(REFILL_63),
    Measure(OFFER, 0, fluence(36_058, "change a price"), cite("CoW, signed order", 0)),
    Measure(PUBLISH, None, fluence(372_849, "1 unit"), cite("CoW, presign", 48_118)),
    Measure(CANCEL, None, fluence(36_058, "change a price"), cite("CoW, cancel", 47_615)),
    Measure(
        REGISTER,
        95_000,
        fluence(2_672_291, "offer of 32 units"),
        cite("iExec, register", 582_826),
    ),
    Measure(ACTIVATE, 42_000, fluence(257_361, "first")),
    Measure(ACTIVATE_DEALS, 16_000, fluence(182_580, "later ones")),
    Measure(ACTIVATE_PEERS, 16_000, fluence(182_580, "later ones")),
    Measure(COMMIT, 42_300, fluence(171_722, "cheapest proof")),
    Measure(COMMIT_MORE, 16_280, fluence(2_557_031 // 32, "1 of 32 proofs")),
    Measure(COMMIT_EARLY, 59_700),
    Measure(CLAIM, 50_000, fluence(145_065, "claim"), cite("ApePay, claim", 56_311)),
    Measure(CLAIM_DEALS, 18_000, fluence((626_604 - 145_065) // 9, "9 of 10 claims")),
    Measure(CLAIM_PEERS, 18_000, fluence((626_604 - 145_065) // 9, "9 of 10 claims")),
    Measure(CLAIM_OTHERS, 23_000, fluence((626_604 - 145_065) // 9, "9 of 10 claims")),
    Measure(CLAIM_REFUND),
    Measure(CLAIM_FIRST),
    Measure(
        CLAIM_WITHDRAW,
        66_000,
        fluence(145_065, "claim"),
        cite("Sablier Flow, withdraw", 88_447),
    ),
    Measure(
        TOP_UP,
        52_500,
        fluence(106_176, "top up"),
        cite("Sablier Flow, deposit", 61_425),
    ),
    Measure(TOP_UP_FREE),
    Measure(DEPOSIT),
    Measure(
        WITHDRAW,
        45_850,
        fluence(99_068, "withdraw"),
        cite("iExec, withdraw", 59_401),
    ),
    Measure(TAKE, 45_000, fluence(99_068, "withdraw"), cite("Sablier Flow, refund", 59_600)),
    Measure(STOP, 38_000, fluence(132_271, "stop"), cite("Sablier Flow, void", 45_518)),
    Measure(STOP_FIRST),
    Measure(LEAVE),
    Measure(DROP),
    Measure(EVICT, 107_200),
    Measure(EVICT_PENDING, 86_100),
    Measure(RELEASE),
    Measure(CLAIM_LAST, 47_400),
    Measure(FEWER_UNITS, 66_100),
    Measure(SET_WALLET, 55_000),
    Measure(PULSE, 36_750),
    Measure(MATCH_METERED, 212_000),
    Measure(ACTIVATE_METERED, 38_100),
    Measure(REDEEM_FIRST, 78_000),
    Measure(REDEEM, 60_600),
    Measure(REDEEM_MORE, 26_900),
    Measure(ASK, 174_800),
    Measure(ANSWER, 111_700),
    Measure(ANSWER_IDLE, 67_400),
    Measure(CONTRADICT, 211_400),
    Measure(SILENCE, 146_200),
    Measure(ACCUSE, 248_400),
    Measure(DRAW, 130_800),
    Measure(VOTE, 59_900),
    Measure(SHOW, 32_000),
    Measure(REVEAL, 38_500),
    Measure(ACQUIT, 188_600),
    Measure(CONVICT, 426_100),
    Measure(SEAT, 86_500),
    *(Measure(name, CODE_BAR, unit=BYTE) for name in CODE.values()),
)

BY_NAME: Mapping[str, Measure] = {measure.name: measure for measure in MEASURES}
