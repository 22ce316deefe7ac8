"""Prove that this process is the peer: sign the challenge of whoever asks."""

from collections.abc import Callable

from fastapi import APIRouter
from pydantic import BaseModel

from wasmarket.kernel.addresses import parse_hash
from wasmarket.kernel.signing.identity import PeerIdentity
from wasmarket.kernel.units import Hash
from wasmarket.serving.peers.identity import PATH
from wasmarket.serving.texts import HashText

Identify = Callable[[Hash], PeerIdentity]
"""Signs a challenge with the peer's key."""


class IdentityView(BaseModel):
    """Who answered: `peer` as the chain numbers it (0: not registered, or not read yet), and the
    signature of its Ed25519 key over market, peer and challenge."""

    peer: int
    key: HashText
    challenge: HashText
    signature: str


def create_identity_router(identify: Identify) -> APIRouter:
    """Return the route that answers challenges."""
    router = APIRouter(tags=["service"])

    @router.get(PATH)
    def read_identity(challenge: HashText) -> IdentityView:
        """Which peer this is, signed: matchers offer only peers whose endpoint proves its key."""
        identity = identify(parse_hash(challenge, field="challenge"))
        return IdentityView(
            peer=identity.peer,
            key=identity.key,
            challenge=identity.challenge,
            signature="0x" + identity.signature.hex(),
        )

    return router
