"""Bring offers to a matcher, and take them out of its book again."""

import secrets
from collections.abc import Callable

import httpx
import msgspec

from peer.offers.signed_offers import SignedOffer
from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.documents.json_text import decode_json
from wasmarket.kernel.errors import Refused, TimedOut, Unreachable
from wasmarket.kernel.signing.requests import Request, sign_request
from wasmarket.kernel.signing.typed_data import Domain
from wasmarket.kernel.units import Hash

OFFERS = "/v1/provider-offers"
REQUEST_SECONDS = 300
"""Chain time for which a signed request holds."""

DEAD = ("cancelled", "expired")
MAX_ANSWER = 1 << 20
MAX_WORDS = 500
"""Bytes of an answer that are read, and letters of a refusal that are shown."""


class _Posted(msgspec.Struct):
    """What a matcher answers to an offer, as far as it matters here."""

    status: str


class _Refusal(msgspec.Struct):
    """A problem document, as far as it matters here."""

    detail: str


class MatcherDoor:
    """One matcher at one URL. Raises Unreachable, TimedOut, Refused."""

    def __init__(
        self, url: str, client: httpx.Client, domain: Domain, key: bytes, now: Callable[[], int]
    ) -> None:
        """`key` is the provider's, `now` the chain's time."""
        self.url = url
        self._client = client
        self._domain = domain
        self._key = key
        self._now = now

    def post(self, signed: SignedOffer) -> bool:
        """Put an offer into the book; return False if it is cancelled or expired there."""
        body = self._send("POST", OFFERS, signed.body)
        try:
            return decode_json(body, _Posted).status not in DEAD
        except msgspec.DecodeError as error:
            raise Unreachable(
                f"{self.url} does not answer as a matcher does: {error}",
                remedy="check the URLs under `matchers` in the policy",
            ) from error

    def withdraw(self, offer: Hash) -> None:
        """Take an offer out of the book; one that is not there is no error."""
        self._send("DELETE", f"{OFFERS}/{offer}")

    def _send(self, method: str, path: str, value: object = None) -> bytes:
        """Return the body of the answer."""
        try:
            request = self._client.build_request(
                method, self.url + path, json=value, headers={"Accept-Encoding": "identity"}
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise Unreachable(f"{self.url} is no URL of a matcher: {error}") from error
        if method != "POST":
            target = request.url.raw_path.decode("ascii")
            signed = Request(
                method,
                target,
                request.content,
                self._now() + REQUEST_SECONDS,
                to_hash(secrets.token_bytes(32)),
            )
            request.headers["Authorization"] = sign_request(signed, self._domain, self._key)
        try:
            answer = self._client.send(request, stream=True)
            try:
                body = _read(answer)
            finally:
                answer.close()
        except httpx.TimeoutException as error:
            raise TimedOut(f"the matcher at {self.url} did not answer in time") from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise Unreachable(f"the matcher at {self.url} cannot be reached: {error}") from error
        if answer.is_server_error:
            raise Unreachable(f"the matcher at {self.url} answered {answer.status_code}")
        if answer.is_error and not (method == "DELETE" and answer.status_code == 404):
            words = _words(body) or f"it answered {answer.status_code}"
            raise Refused(f"the matcher at {self.url} refused: {words}")
        return body


def _read(answer: httpx.Response) -> bytes:
    """Return a bounded body, as it came. Raises ValueError for one without an end."""
    body = bytearray()
    # Raw bytes: whoever is there may send what it likes, and packed.
    for chunk in answer.iter_raw():
        body += chunk
        if len(body) > MAX_ANSWER:
            raise ValueError("the answer is too long")
    return bytes(body)


def _words(body: bytes) -> str:
    try:
        return decode_json(body, _Refusal).detail[:MAX_WORDS]
    except msgspec.DecodeError:
        return ""
