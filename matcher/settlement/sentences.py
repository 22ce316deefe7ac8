"""Say in sentences why an offer has fewer units than it wants."""

from matcher.engine.answers.explain import Explanation, Supply
from matcher.engine.answers.relaxations import Relaxation
from wasmarket.kernel.units import format_usdc

MONEY = frozenset({"max_price", "deposit", "balance"})
SHOWN = 3


def to_sentences(explanation: Explanation) -> tuple[str, ...]:
    """Return what binds and the most helpful single changes, shortest first."""
    binding = [entry for entry in explanation.excluded if entry.last.units]
    return (
        f"{explanation.units} of {explanation.want} units can be had now",
        *(f"{entry.constraint} excludes {_supply(entry.last)}" for entry in binding),
        *(_change(relaxation) for relaxation in explanation.relaxations[:SHOWN]),
    )


def _supply(supply: Supply) -> str:
    # A peer of which only some units go is not among the peers.
    whole = f" of {supply.peers} peers" if supply.peers else ""
    return f"{supply.units} units{whole} that everything else allows"


def _change(relaxation: Relaxation) -> str:
    field = relaxation.field
    before, after = _value(field, relaxation.before), _value(field, relaxation.after)
    return f"{field} {after} instead of {before} gives {relaxation.units} units"


def _value(field: str, value: int | tuple[str, ...]) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "nobody"
    return f"{format_usdc(value)} USDC" if field in MONEY else str(value)
