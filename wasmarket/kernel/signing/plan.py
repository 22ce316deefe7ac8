"""What a dry run notes: each thing that would be signed, in order, and what it would cost."""

from dataclasses import dataclass, field


class PlanComplete(Exception):
    """What comes next depends on what was only planned."""


@dataclass(frozen=True, slots=True)
class PlannedAct:
    """One thing that would be signed; `gas` and `most_wei` of a transaction, None if not known."""

    kind: str
    """`transaction`, `offer`, `permit`, `request` or `upload`."""
    text: str
    gas: int | None = None
    most_wei: int | None = None


@dataclass(slots=True)
class SigningPlan:
    """What would be signed, in order."""

    acts: list[PlannedAct] = field(default_factory=list)

    def add(self, kind: str, text: str) -> None:
        """Note what is no transaction."""
        self.acts.append(PlannedAct(kind, text))
