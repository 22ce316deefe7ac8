"""Values that the developer sealed to the peers of the deal: `wasmarket secret set DEAL NAME`.

The app lists their names in `[effectors.secret]`.
"""

from wasmarket_guest.reach import ask, find


def get(name: str) -> bytes:
    """Return a secret's value. Raises `EffectorError` for one that is not listed, or not set."""
    value: bytes = ask(find("secret").get, name)
    return value


def get_text(name: str) -> str:
    """Return a secret that is text. Raises `EffectorError` as `get`."""
    return get(name).decode()
