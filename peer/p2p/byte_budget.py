"""Bound the bytes that wait in memory for clients, who choose how many they send and take."""


class ByteBudget:
    """Bytes that are held at the same time; each counts in the budgets above too."""

    def __init__(self, most: int, above: "ByteBudget | None" = None) -> None:
        self._most = most
        self._above = above
        self.held = 0

    def take(self, count: int) -> bool:
        """Hold so many bytes more; False, and nothing is held, where a budget has no room."""
        if self.held + count > self._most:
            return False
        if self._above is not None and not self._above.take(count):
            return False
        self.held += count
        return True

    def give(self, count: int) -> None:
        """Hold so many bytes less."""
        self.held -= count
        if self._above is not None:
            self._above.give(count)

    def clear(self) -> None:
        """Hold nothing any more."""
        self.give(self.held)
