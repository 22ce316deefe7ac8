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
        *_together(explanation),
        *((explanation.measured,) if explanation.measured else ()),
        *(_change(relaxation) for relaxation in explanation.relaxations[:SHOWN]),
    )


def _together(explanation: Explanation) -> tuple[str, ...]:
    """Say which limits exclude only together, or that there are no more units at all."""
    if explanation.units == explanation.want:
        return ()
    names = explanation.together
    if not names:
        return ("there are no more units, whatever the limits",)
    if len(names) == 1:
        is_said = any(
            entry.constraint == names[0] for entry in explanation.excluded if entry.last.units
        )
        return () if is_said else (f"{names[0]} excludes more units",)
    return (f"{', '.join(names[:-1])} and {names[-1]} together exclude more units",)


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
