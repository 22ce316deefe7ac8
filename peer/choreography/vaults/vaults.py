"""Keep a folder for each particle and worker: services see it while they are called for it.

Between calls it lies outside of all storage, so that no call for another particle finds it. What
is in it goes with the particle, or when the peer stops.
"""

import asyncio
import os
import re
import secrets
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from peer.choreography.caps import now_ms
from peer.choreography.identities import OwnIdentity
from peer.choreography.live import LiveParticle
from peer.choreography.vaults.places import ALIAS, MOST, VaultPlace
from peer.runtime.sandbox.folder_walk import FOLDER, Unsteady, Usage, measure, remove
from wasmarket.kernel.errors import InvalidInput, LimitReached, NotFound

MOST_VAULTS: Final = 1_000
MOST_TEXT: Final = 1 << 20
"""Bytes of a file that scripts write or read as text."""
TOKEN_BYTES: Final = 16
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_PART: Final = re.compile(r"(?!\.{1,2}$)[^/\0]{1,255}")
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(eq=False)
class _Vault:
    """`place` is where services see it now, for `users` calls; None: it is at `home`."""

    name: str
    token: str
    home: Path
    expires: int
    place: VaultPlace | None = None
    users: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)


class ParticleVaults:
    """The vaults of all live particles. Event loop only."""

    def __init__(self, folder: Path) -> None:
        """What an earlier run left in `folder` is removed."""
        while not remove(folder, MOST.entries):
            pass
        self._folder = folder
        self._vaults: dict[tuple[bytes, str], _Vault] = {}
        self._cleared: set[Path] = set()

    def __len__(self) -> int:
        return len(self._vaults)

    async def put(self, live: LiveParticle, identity: OwnIdentity, text: str) -> str:
        """Write a file; return its path as services see it. Raises InvalidInput, LimitReached."""
        data = text.encode()
        if len(data) > MOST_TEXT:
            raise InvalidInput(f"a file of a vault has at most {MOST_TEXT} bytes")
        vault = self._open(live, identity)
        async with vault.changed:
            await vault.changed.wait_for(lambda: vault.place is None)
            usage = _measure(vault.home)
            if usage.bytes + len(data) > MOST.bytes or usage.entries >= MOST.entries:
                raise LimitReached(f"the vault holds {usage.bytes} bytes in {usage.entries} files")
            name = secrets.token_hex(8)
            (vault.home / name).write_bytes(data)
        return f"{ALIAS}/{vault.name}/{name}"

    async def cat(self, live: LiveParticle, identity: OwnIdentity, path: str) -> str:
        """Return what a file of the particle's vault holds. Raises InvalidInput, NotFound."""
        vault = self._open(live, identity)
        prefix = f"{ALIAS}/{vault.name}/"
        parts = path.removeprefix(prefix).split("/")
        if not path.startswith(prefix) or not all(map(_PART.fullmatch, parts)):
            raise InvalidInput(f"{path[:200]} is no file of this particle's vault here")
        async with vault.changed:
            await vault.changed.wait_for(lambda: vault.place is None)
            return _read(vault.home, parts)

    @asynccontextmanager
    async def mounted(
        self, live: LiveParticle, identity: OwnIdentity, place: VaultPlace
    ) -> AsyncIterator[str]:
        """Let a service see the vault while a call runs; yield the token of its name.

        Calls of one service see it together, others after one another. Raises InvalidInput,
        LimitReached, OSError.
        """
        vault = self._open(live, identity)
        async with vault.changed:
            await vault.changed.wait_for(
                lambda: vault.place is None or vault.place.path == place.path
            )
            if vault.place is None:
                if place.path not in self._cleared:
                    place.clear()
                    self._cleared.add(place.path)
                place.take(vault.home, vault.name)
                vault.place = place
            vault.users += 1
        try:
            yield vault.token
        finally:
            async with vault.changed:
                vault.users -= 1
                if not vault.users:
                    problem = place.give_back(vault.home, vault.name)
                    if problem:
                        live.trail.add_problem(f"the particle's vault was emptied: {problem}")
                    vault.place = None
                    vault.changed.notify_all()

    def prune(self) -> None:
        """Remove the vaults of particles whose time is over."""
        now = now_ms()
        for key, vault in list(self._vaults.items()):
            if vault.expires <= now and vault.place is None and remove(vault.home, MOST.entries):
                del self._vaults[key]

    def _open(self, live: LiveParticle, identity: OwnIdentity) -> _Vault:
        if not identity.assignment:
            raise InvalidInput(
                "a vault is of a worker, whose services see it",
                remedy="say `on worker via host`",
            )
        key = (live.key, identity.peer_id)
        vault = self._vaults.get(key)
        if vault is None:
            particle = live.particle
            if not _ID.fullmatch(particle.id):
                raise InvalidInput(f"the particle's id {particle.id[:80]} cannot name a folder")
            if len(self._vaults) >= MOST_VAULTS:
                raise LimitReached(
                    "this peer keeps as many vaults as it may", remedy="try again in a moment"
                )
            token = secrets.token_hex(TOKEN_BYTES)
            vault = _Vault(f"{particle.id}-{token}", token, self._folder / token, particle.expires)
            vault.home.mkdir(0o700, parents=True)
            self._vaults[key] = vault
        return vault


def _measure(home: Path) -> Usage:
    try:
        return measure(home, MOST)
    except Unsteady as error:
        raise LimitReached(f"the vault changes while it is looked at: {error}") from error


def _read(home: Path, parts: list[str]) -> str:
    """Read a regular file below `home` without following a link."""
    shown = "/".join(parts)[:200]
    folder = os.open(home, FOLDER)
    try:
        for part in parts[:-1]:
            inner = os.open(part, FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        with open(os.open(parts[-1], _FILE, dir_fd=folder), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise NotFound(f"{shown} is no file")
            data = file.read(MOST_TEXT + 1)
    except OSError as error:
        raise NotFound(f"the vault has no file {shown}: {error.strerror}") from error
    finally:
        os.close(folder)
    if len(data) > MOST_TEXT:
        raise LimitReached(f"{shown} has more than {MOST_TEXT} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{shown} is no text") from error
