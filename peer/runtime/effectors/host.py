"""What a peer has for the effectors of all its deals, and the effects of each deal's services."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

import httpx

from peer.runtime.effectors.effects import Effects, ServiceEffects
from peer.runtime.effectors.http_effect import HttpEffect, HttpGate
from peer.runtime.effectors.ipfs_effect import IpfsEffect, IpfsGate, read_ledger
from peer.runtime.effectors.kv_effect import KvEffect, KvStores
from peer.runtime.effectors.metrics import EffectMetrics
from peer.runtime.effectors.programs import ProgramGate
from peer.runtime.effectors.secret_effect import ReadSecret, SecretEffect
from peer.runtime.module.service import ServiceSpec
from wasmarket.content.folder import BlockFolder
from wasmarket.kernel.documents.content_ids import parse_cid
from wasmarket.kernel.errors import NotFound

FOLDER = "effects"
"""Beside a deal's storage, out of the guests' reach."""


class EffectorHost:
    """One for each peer; for one event loop."""

    def __init__(
        self,
        blocks: BlockFolder,
        cache: Path,
        content_client: httpx.AsyncClient,
        *,
        trusted: tuple[str, ...] = (),
        find_programs: Callable[[], Mapping[str, str]] = dict,
        find_networked: Callable[[], Collection[str]] = tuple,
        metrics: EffectMetrics | None = None,
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        """`trusted` are URLs of private hosts that apps may reach if they name them.

        `find_programs` returns the paths of the programs that they may mount now, by name,
        `find_networked` the names of those that have this machine's network. Nothing is kept
        for guests while `has_room` is false.
        """
        self._blocks = blocks
        self._http = HttpGate(trusted)
        self._ipfs = IpfsGate(blocks, cache, content_client)
        self._kv = KvStores()
        self._has_room = has_room
        self._metrics = metrics or EffectMetrics()
        self._programs = ProgramGate(find_programs, find_networked=find_networked)

    def open(
        self,
        specs: Iterable[ServiceSpec],
        folder: Path,
        find_sources: Callable[[], Sequence[str]] = tuple,
        read_secret: ReadSecret | None = None,
    ) -> Effects:
        """Return the effects of a deal's services, whose state lies in the deal's `folder`.

        Without `read_secret` no secret is set.
        """
        read = read_secret or _find_no_secret
        return Effects(
            {spec.name: self._open(spec, folder / FOLDER, find_sources, read) for spec in specs},
            metrics=self._metrics,
        )

    async def forget(self, folder: Path, others: Iterable[Path]) -> None:
        """Let go of a deal's state before its `folder` goes.

        What its services put is unpinned, unless those of the deals in `others` did so too.
        """
        await self._kv.drop(folder)
        mine = _list_kept(folder)
        for cid in mine.difference(*(_list_kept(other) for other in others if other != folder)):
            self._blocks.unpin(parse_cid(cid))

    async def close(self) -> None:
        """Drop connections and close stores."""
        await self._http.close()
        await self._kv.close()

    def _open(
        self,
        spec: ServiceSpec,
        folder: Path,
        find_sources: Callable[[], Sequence[str]],
        read_secret: ReadSecret,
    ) -> ServiceEffects:
        asked = spec.effectors
        return ServiceEffects(
            http=HttpEffect(self._http, asked.http.hosts) if asked.http else None,
            ipfs=IpfsEffect(self._ipfs, folder / f"{spec.name}.ipfs", find_sources, self._has_room)
            if asked.ipfs
            else None,
            kv=KvEffect(self._kv, folder / f"{spec.name}.kv", self._has_room) if asked.kv else None,
            programs=self._programs,
            names=frozenset(asked.programs),
            secret=SecretEffect(asked.secrets, read_secret) if asked.secrets else None,
        )


def _find_no_secret(name: str) -> bytes:
    raise NotFound(f"the secret {name!r} is not set")


def _list_kept(folder: Path) -> set[str]:
    return {cid for ledger in (folder / FOLDER).glob("*.ipfs") for cid in read_ledger(ledger)}
