"""Text that grows, in parts: two books whose parts are equal share them."""


class PartWriter:
    """Text that grows, in parts."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._parts: list[bytes] = []
        self._open: list[bytes] = []
        self.write = self._open.append

    def end_part(self) -> None:
        """Begin a new part."""
        if self._open:
            self._parts.append(b"".join(self._open))
            self._open.clear()

    def finish(self) -> list[bytes]:
        """Return all parts."""
        self.end_part()
        return self._parts
