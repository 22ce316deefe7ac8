"""Read the packed words by the table in the law, independently of the contracts' own packing."""

LAYOUTS = {
    "account": (("free", 128), ("counter", 128)),
    "offer": (("approved", 1), ("cancelled", 1), ("deal", 32)),
    "peer": (("provider", 160), ("units", 16), ("used", 16), ("memory_mib", 32), ("region", 8)),
    "peer_extra": (("wallet", 160), ("traits", 96)),
    "deal": (
        ("balance", 96),
        ("rate", 64),
        ("settled", 32),
        ("end", 32),
        ("units", 16),
        ("run", 8),
        ("stopped", 1),
        ("metered", 1),
    ),
    "assignment": (
        ("deal", 32),
        ("peer", 32),
        ("units", 16),
        ("price", 48),
        ("start", 32),
        ("next", 32),
        ("end", 32),
        ("skipped", 16),
        ("run", 8),
        ("state", 8),
    ),
    "counts": (("peers", 64), ("deals", 64), ("assignments", 128)),
    "stake": (("free", 128), ("locked", 128)),
    "leaving": (("amount", 192), ("ready", 64)),
    "case": (
        ("kind", 8),
        ("state", 8),
        ("assignment", 32),
        ("peer", 32),
        ("since", 40),
        ("block", 40),
        ("seats", 32),
        ("outcome", 8),
    ),
    "seat": (("peer", 32), ("since", 40), ("quit", 40), ("fines", 8), ("cases", 16)),
}


def unpack(record: str, word: int) -> dict[str, int]:
    """Split a word into its fields, low bits first; nothing may stand above the last."""
    fields = {}
    for name, bits in LAYOUTS[record]:
        fields[name] = word & (1 << bits) - 1
        word >>= bits
    assert word == 0, f"{record}: bits above the last field"
    return fields
