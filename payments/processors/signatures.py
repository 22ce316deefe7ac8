"""Signatures of webhooks in the form that Stripe made common: `t=<seconds>,v1=<hex of HMAC>`.

The HMAC-SHA256 is over `<t>.<body>` with a secret that sender and receiver share
(docs.stripe.com/webhooks#verify-manually).
"""

import hashlib
import hmac
from collections.abc import Iterable

from payments.processors.protocol import TOLERANCE
from wasmarket.kernel.errors import Expired, InvalidSignature

MAX_HEADER = 1_024


def sign_webhook(body: bytes, secret: str, at: int) -> str:
    """Return the header's value for a body that is sent at a time."""
    return f"t={at},v1={_digest(body, secret, str(at))}"


def check_webhook(body: bytes, header: str | None, secrets: Iterable[str], now: int) -> None:
    """Check that one of the secrets' owners sent a body, and sent it now.

    Raises InvalidSignature, Expired.
    """
    parts = [part.strip().partition("=") for part in (header or "")[:MAX_HEADER].split(",")]
    times = [value for name, _, value in parts if name == "t"]
    given = [value for name, _, value in parts if name == "v1"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdigit()) or not given:
        raise InvalidSignature("the webhook is not signed", field="signature")
    if not any(
        hmac.compare_digest(_digest(body, secret, times[0]).encode(), one.encode())
        for secret in secrets
        for one in given
    ):
        raise InvalidSignature(
            "the webhook is not signed with our secret, or was changed on its way",
            field="signature",
            remedy="check [payments] webhook_secrets",
        )
    if abs(now - int(times[0][:12])) > TOLERANCE:
        raise Expired(
            f"the webhook was signed more than {TOLERANCE} s from now",
            field="signature",
            remedy="it was replayed, or a clock is wrong",
        )


def _digest(body: bytes, secret: str, at: str) -> str:
    return hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
