"""Bring offers to a matcher, and take them out of its book again."""

import secrets
from collections.abc import Callable

import httpx

from peer.offers.signed_offers import SignedOffer
from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.errors import Refused, TimedOut, Unreachable
from wasmarket.kernel.signing.requests import Request, sign_request
from wasmarket.kernel.signing.typed_data import Domain
from wasmarket.kernel.units import Hash

OFFERS = "/v1/provider-offers"
REQUEST_SECONDS = 300
"""Chain time for which a signed request holds."""

DEAD = ("cancelled", "expired")


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
        answer = self._send("POST", OFFERS, signed.body)
        return answer.json().get("status") not in DEAD

    def withdraw(self, offer: Hash) -> None:
        """Take an offer out of the book; one that is not there is no error."""
        self._send("DELETE", f"{OFFERS}/{offer}")

    def _send(self, method: str, path: str, value: object = None) -> httpx.Response:
        request = self._client.build_request(method, self.url + path, json=value)
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
            answer = self._client.send(request)
        except httpx.TimeoutException as error:
            raise TimedOut(f"the matcher at {self.url} did not answer in time") from error
        except httpx.HTTPError as error:
            raise Unreachable(f"the matcher at {self.url} cannot be reached: {error}") from error
        if answer.is_server_error:
            raise Unreachable(f"the matcher at {self.url} answered {answer.status_code}")
        if answer.is_error and not (method == "DELETE" and answer.status_code == 404):
            raise Refused(f"the matcher at {self.url} refused: {_words(answer)}")
        return answer


def _words(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"it answered {answer.status_code}"
