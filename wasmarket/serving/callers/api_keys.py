"""Read the API key of a request: one reading for whoever counts calls and whoever lets them in."""

from typing import Final

KEY_SCHEME: Final = "Bearer"
_BLANK: Final = " \t"


def read_key(authorization: str | None) -> str | None:
    """Return the key of an `Authorization: Bearer <key>` header, None if it has none.

    The scheme may be written in capitals or not (RFC 9110, 11.1); blanks around a key are no part
    of it.
    """
    scheme, _, rest = (authorization or "").strip(_BLANK).replace("\t", " ").partition(" ")
    key = rest.strip(_BLANK)
    return key if scheme.lower() == KEY_SCHEME.lower() and key else None
