"""Keep copies at another peer, which has this one's wallet in the `[copies]` of its policy."""

import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import msgspec

from peer.copies.answers import read_all, read_file, read_start, save_all, told
from peer.copies.store import MOST_BYTES
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.documents.json_text import decode_json
from wasmarket.kernel.endpoints import parse_endpoint
from wasmarket.kernel.errors import BadContent, Refused, Unreachable
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.signing.content_digest import HEADER, write_content_digest
from wasmarket.kernel.signing.requests import sign_request_hash
from wasmarket.kernel.signing.typed_data import Domain
from wasmarket.kernel.units import Address

REQUEST_SECONDS: Final = 300
"""Chain time for which a signed request holds."""
MOST_PAGE: Final = 8 << 20
MOST_WORDS: Final = 2_000


class _Kept(msgspec.Struct):
    name: str
    bytes: int


class _Page(msgspec.Struct):
    items: list[_Kept]
    next: str | None


class _Refusal(msgspec.Struct):
    detail: str


class CopiesAtPeer:
    """Files under `/v1/copies/<wallet>/` of another peer."""

    def __init__(
        self,
        url: str,
        owner: Address,
        client: httpx.Client,
        domain: Domain,
        wallet: Account | None,
        now: Callable[[], int],
    ) -> None:
        """`url` begins with `peer+`; `owner` is whose copies they are, `now` the chain's time.

        Without `wallet` they can only be read. Raises InvalidInput for what is no peer's URL.
        """
        self.url = url
        self._base = parse_endpoint(url.removeprefix("peer+"), field="peer.receipt_copies")
        self._folder = f"/v1/copies/{owner}"
        self._client = client
        self._domain = domain
        self._wallet = wallet
        self._now = now

    def sizes(self) -> dict[str, int]:
        """Return the bytes of each file, by name. Raises as `CopyStore`."""
        found: dict[str, int] = {}
        after = ""
        while True:
            query = f"?after={after}" if after else ""
            with self._send("GET", self._folder + query) as answer:
                if answer.status_code == httpx.codes.NOT_FOUND:
                    return found
                self._check(answer)
                page = self._parse(read_all(answer, MOST_PAGE))
            found |= {kept.name: kept.bytes for kept in page.items}
            if page.next is None or page.next <= after:
                return found
            after = page.next

    def put(self, name: str, path: Path) -> None:
        """Write a file. Raises as `CopyStore`, OSError."""
        hashed, size = hashlib.sha256(), 0
        for chunk in read_file(path):
            hashed.update(chunk)
            size += len(chunk)
        headers = {"Content-Length": str(size), HEADER: write_content_digest(hashed.digest())}
        target = f"{self._folder}/{name}"
        headers |= self._sign("PUT", target, hashed.digest())
        with self._send("PUT", target, headers, read_file(path)) as answer:
            self._check(answer)

    def get(self, name: str, target: Path) -> bool:
        """Fetch a file; return whether it is there. Raises as `CopyStore`, OSError."""
        with self._send("GET", f"{self._folder}/{name}") as answer:
            if answer.status_code == httpx.codes.NOT_FOUND:
                return False
            self._check(answer)
            save_all(answer, target, MOST_BYTES)
            return True

    def remove(self, name: str) -> None:
        """Remove a file. Raises as `CopyStore`."""
        target = f"{self._folder}/{name}"
        with self._send("DELETE", target, self._sign("DELETE", target, sha256(b""))) as answer:
            if answer.status_code != httpx.codes.NOT_FOUND:
                self._check(answer)

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    @contextmanager
    def _send(
        self,
        method: str,
        target: str,
        headers: dict[str, str] | None = None,
        body: Iterator[bytes] | None = None,
    ) -> Iterator[httpx.Response]:
        sent = {"Accept-Encoding": "identity", **(headers or {})}
        url = self._base + target
        with (
            told(self.url),
            self._client.stream(method, url, headers=sent, content=body) as answer,
        ):
            yield answer

    def _sign(self, method: str, target: str, body_sha256: bytes) -> dict[str, str]:
        if self._wallet is None:
            raise Refused(f"{self.url} is only read from here", remedy="run the peer")
        expires, nonce = self._now() + REQUEST_SECONDS, to_hash(secrets.token_bytes(32))
        path = httpx.URL(self._base).path.rstrip("/") + target
        key = self._wallet.key
        return {
            "Authorization": sign_request_hash(
                method, path, body_sha256, expires, nonce, self._domain, key
            )
        }

    def _check(self, answer: httpx.Response) -> None:
        if answer.is_success:
            return
        try:
            said = decode_json(read_start(answer, MOST_WORDS), _Refusal).detail[:MOST_WORDS]
        except msgspec.DecodeError:
            said = f"it answered {answer.status_code}"
        if answer.is_server_error:
            raise Unreachable(f"{self.url}: {said}")
        raise Refused(
            f"{self.url} refuses: {said}",
            remedy="its provider names this peer's wallet, and enough bytes, in [copies] of the "
            "policy",
        )

    def _parse(self, data: bytes) -> _Page:
        try:
            return decode_json(data, _Page)
        except msgspec.DecodeError as error:
            raise BadContent(f"{self.url} answers no list of files: {error}") from error
