"""Make text that strangers wrote safe to print to a person.

A call's argument, an endpoint or an answer may hold bytes that a terminal obeys: escape sequences
that clear the screen, change its title or turn the direction of writing. Machine-readable output
(JSON) keeps the text as it is; whatever goes to a terminal or a plain log line passes here first.
"""

import re
from typing import Final

_LINES_KEPT: Final = "\n\t"
_HARMFUL: Final = (
    r"\x00-\x1f\x7f-\x9f"  # C0, DEL and C1: what terminals take for commands
    r"\u00ad\u061c\u180e"  # characters that are there but cannot be seen
    r"\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # bidi, separators, invisible
    r"\ud800-\udfff"  # lone surrogates: no stream can write them
    r"\U00013430-\U00013438\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # layout of old scripts
    r"\U000e0000-\U000e007f"  # tags: a whole hidden alphabet
)
_ONE_LINE: Final = re.compile(f"[{_HARMFUL}]")
_MANY_LINES: Final = re.compile(f"(?![{_LINES_KEPT}])[{_HARMFUL}]")


def clean_for_terminal(text: str) -> str:
    """Return `text` as one line in which every harmful character is visible as an escape.

    Line ends and tabs are harmful here too: a stranger's text must not begin a line of its own.
    What was clean comes back unchanged.
    """
    return _ONE_LINE.sub(_escape, text)


def clean_lines_for_terminal(text: str) -> str:
    """Return `text` with every harmful character but line feeds and tabs visible as an escape."""
    return _MANY_LINES.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    short = {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r"}.get(code)
    if short is not None:
        return short
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
