"""Remember where notices say that content is. Hints only: a fetch checks every hash."""

from collections import OrderedDict
from collections.abc import Sequence

MAX_DEALS = 1_024
MAX_SOURCES = 8


class SourceHints:
    """Sources per deal, newest notice first; bounded, since anybody may send notices."""

    def __init__(self) -> None:
        self._sources: OrderedDict[int, tuple[str, ...]] = OrderedDict()

    def add(self, deal: int, sources: Sequence[str]) -> None:
        """Put `sources` before those known of a deal."""
        known = self._sources.pop(deal, ())
        merged = tuple(dict.fromkeys((*sources, *known)))[:MAX_SOURCES]
        self._sources[deal] = merged
        while len(self._sources) > MAX_DEALS:
            self._sources.popitem(last=False)

    def get(self, deal: int) -> tuple[str, ...]:
        """Return the sources of a deal."""
        return self._sources.get(deal, ())
