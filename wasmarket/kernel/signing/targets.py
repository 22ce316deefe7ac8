"""The request by which a developer says how many units of an offer are wanted for now.

It may be sent by itself, or signed in advance and posted with the offer.
"""

from wasmarket.kernel.units import Hash

METHOD = "PUT"


def target_path(offer: Hash) -> str:
    """Return where a target is set."""
    return f"/v1/developer-offers/{offer}/target"


def target_body(units: int) -> str:
    """Return the body that sets it."""
    return f'{{"units":{units}}}'
