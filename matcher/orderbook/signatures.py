"""The signatures of a book's asks by hash: a million of them as bytes, changed one at a time."""

from collections.abc import Iterator, MutableMapping

from wasmarket.kernel.units import Hash

HASH_BYTES = 32
BYTES = 64
"""Of a compact signature (EIP-2098)."""

NONE = bytes(BYTES)
KEY_BYTES = 8
"""Of a hash, by which it is looked for. Somebody may make two that begin alike."""


class Signatures(MutableMapping[Hash, str | None]):
    """As a dict; None for an ask that is approved on chain.

    What it begins with lies in two long values, what came since in a dict.
    """

    def __init__(self, hashes: bytes = b"", signatures: bytes = b"") -> None:
        """Begin with hashes, each once, and their signatures of BYTES, all zero for none."""
        self._hashes, self._signatures = hashes, signatures
        self._rows: dict[bytes, int] = {}
        self._since: dict[Hash, str | None] = {}
        count = len(hashes) // HASH_BYTES
        keys = [hashes[at : at + KEY_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
        self._rows = dict(zip(keys, range(count), strict=True))
        if len(self._rows) < count:
            for row, key in enumerate(keys):
                if self._rows[key] != row:
                    self._since[self._name(row)] = self._read(row)

    def __getitem__(self, key: Hash) -> str | None:
        """Return the signature of an ask. Raises KeyError."""
        row = self._find(key)
        return self._since[key] if row is None else self._read(row)

    def __setitem__(self, key: Hash, value: str | None) -> None:
        """Keep a signature, also instead of another."""
        self._forget(key)
        self._since[key] = value

    def __delitem__(self, key: Hash) -> None:
        """Forget an ask. Raises KeyError."""
        if not self._forget(key):
            del self._since[key]

    def __iter__(self) -> Iterator[Hash]:
        """Iterate over the hashes, in any order."""
        yield from self._since
        for row in self._rows.values():
            yield self._name(row)

    def __len__(self) -> int:
        """Return how many asks there are."""
        return len(self._rows) + len(self._since)

    def _find(self, key: Hash) -> int | None:
        """Return the row of a hash among those that it began with."""
        name = bytes.fromhex(key[2:])
        row = self._rows.get(name[:KEY_BYTES])
        at = HASH_BYTES * (row or 0)
        return row if row is not None and self._hashes[at : at + HASH_BYTES] == name else None

    def _forget(self, key: Hash) -> bool:
        row = self._find(key)
        if row is not None:
            del self._rows[bytes.fromhex(key[2:])[:KEY_BYTES]]
        return row is not None

    def _name(self, row: int) -> Hash:
        return Hash("0x" + self._hashes[HASH_BYTES * row : HASH_BYTES * (row + 1)].hex())

    def _read(self, row: int) -> str | None:
        signature = self._signatures[BYTES * row : BYTES * (row + 1)]
        return None if signature == NONE else "0x" + signature.hex()
