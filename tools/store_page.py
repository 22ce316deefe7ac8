"""The page of the SQL views, out of their definitions."""

from wasmarket.store.analyst_views import PREFIX, VIEWS

HEAD = f"""# The store's SQL views

Written by `tools/generated.py`. These names and columns are stable; the tables behind them are not.
How to use them: [analyse-the-market.md](../how-to/analyse-the-market.md).
`wasmarket export` writes the same columns, a file for each view, named without `{PREFIX}`.

USDC amounts are base units (6 decimals). FLT base units (18 decimals) are decimal text, like all
numbers of 256 bits. Epochs are numbers, times seconds of Unix time; addresses are EIP-55, hashes
0x and 64 digits.
"""


def build_store_page() -> str:
    """Return the page."""
    parts = [HEAD]
    for view in VIEWS:
        about = " ".join(view.about.split())
        key = ", ".join(f"`{name}`" for name in view.key)
        parts.append(f"## {view.sql_name}\n\n{about}\n\nOne row for each {key}.\n")
        lines = ["| column | value |", "|---|---|"]
        lines += [f"| `{name}` | {kind} |" for name, kind in view.columns]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)
