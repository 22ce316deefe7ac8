"""Effectors that answer what a test says: nobody is reached, the store is real and new."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from peer.runtime.effectors.effects import Effects, ServiceEffects
from peer.runtime.effectors.http_effect import HttpEffect, HttpGate, HttpRequest
from peer.runtime.effectors.ipfs_effect import IpfsEffect, IpfsGate
from peer.runtime.effectors.kv_effect import KvEffect, KvStores
from peer.runtime.effectors.secret_effect import SecretEffect
from peer.runtime.module.service import ServiceSpec
from wasmarket.app.file import App
from wasmarket.content.folder import BlockFolder
from wasmarket.kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class FakeAnswers:
    """What effectors find: answers of hosts (`url`, and `method`, `status`, `headers`, `body` if
    wanted), the store's content, secrets by name.
    """

    http: Sequence[Mapping[str, Any]] = ()
    kv: Mapping[str, Any] = field(default_factory=dict)
    secret: Mapping[str, Any] = field(default_factory=dict)


class FixedAnswers(HttpEffect):
    """Outbound HTTP that answers what a test says, and reaches nobody."""

    def __init__(
        self,
        gate: HttpGate,
        hosts: tuple[str, ...],
        answers: Sequence[Mapping[str, Any]],
        asked: list[HttpRequest],
    ) -> None:
        """What is asked for goes to `asked`."""
        super().__init__(gate, hosts)
        self._answers = answers
        self._asked = asked

    async def request(self, request: HttpRequest, ends_at: float) -> dict[str, Any]:
        """Return the first answer for this method and URL."""
        self._asked.append(request)
        for answer in self._answers:
            if answer["url"] == request.url and answer.get("method", "GET") == request.method:
                headers = answer.get("headers", {})
                return {
                    "error": "",
                    "status": answer.get("status", 200),
                    "url": request.url,
                    "headers": [{"name": n.lower(), "value": v} for n, v in headers.items()],
                    "body": _to_bytes(answer.get("body", "")),
                }
        error = f"the test has no answer for {request.method} {request.url}"
        return {"error": error, "status": 0, "url": "", "headers": [], "body": b""}


class FakeEffects:
    """The effectors of all services of an app. On one event loop."""

    def __init__(self, app: App, folder: Path, client: httpx.AsyncClient) -> None:
        """What effectors keep lies in `folder`."""
        self._app = app
        self._folder = folder
        self._client = client
        self._kv = KvStores()
        self._http = HttpGate()
        self._ipfs = IpfsGate(BlockFolder(folder / "blocks"), folder / "content", client)
        self._services: dict[str, ServiceEffects] = {}
        self._count = 0
        self.requests: list[HttpRequest] = []
        """What was asked of hosts since the last `fill`."""

    def open_effects(self, specs: Sequence[ServiceSpec]) -> Effects:
        """Return effects whose services are those that were filled last."""
        self._services.update({spec.name: ServiceEffects() for spec in specs})
        return Effects(self._services)

    async def fill(self, answers: FakeAnswers) -> None:
        """Begin anew: with these answers, and a store that has just this."""
        self._count += 1
        self.requests.clear()
        asked = self._app.manifest.effectors
        for name in self._services:
            path = self._store(name)
            if asked.kv:
                async with self._kv.use(path) as file:
                    for key, value in answers.kv.items():
                        file.put(key.encode(), _to_bytes(value))
            ledger = self._folder / f"{name}.ipfs"
            hosts = asked.http.hosts if asked.http else ()
            self._services[name] = ServiceEffects(
                http=FixedAnswers(self._http, hosts, answers.http, self.requests)
                if asked.http
                else None,
                ipfs=IpfsEffect(self._ipfs, ledger, tuple) if asked.ipfs else None,
                kv=KvEffect(self._kv, path) if asked.kv else None,
                secret=SecretEffect(asked.secrets, partial(_find_secret, answers.secret))
                if asked.secrets
                else None,
            )

    async def put(self, service: str, key: str, value: bytes | str) -> None:
        """Put something into a service's store."""
        async with self._kv.use(self._store(service)) as file:
            file.put(key.encode(), _to_bytes(value))

    async def get(self, service: str, key: str) -> bytes | None:
        """Return what a service's store has under a key."""
        async with self._kv.use(self._store(service)) as file:
            return file.get(key.encode())

    async def close(self) -> None:
        """Let go of what effectors hold."""
        await self._kv.close()
        await self._http.close()
        await self._client.aclose()

    def _store(self, service: str) -> Path:
        return self._folder / f"{self._count}-{service}.kv"


def _to_bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _find_secret(values: Mapping[str, Any], name: str) -> bytes:
    """Return a secret that a test gives. Raises NotFound."""
    if name not in values:
        raise NotFound(f"the test gives no secret {name!r}")
    return _to_bytes(values[name])
