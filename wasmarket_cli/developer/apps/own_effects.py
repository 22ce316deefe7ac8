"""Effectors of this machine for an app that runs here: as on a peer, with a store of its own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import httpx

from peer.runtime.effectors.effects import Effects
from peer.runtime.effectors.host import EffectorHost
from peer.runtime.module.service import ServiceSpec
from wasmarket.content.folder import BlockFolder

STATE: Final = ".effectors"
"""Beside the storage of the services: what their effectors keep."""


class OwnEffects:
    """The effectors of an app's services. On one event loop."""

    def __init__(
        self,
        folder: Path,
        storage: Path,
        client: httpx.AsyncClient,
        trusted: tuple[str, ...] = (),
    ) -> None:
        """What they keep lies beside `storage`, what they fetch in `folder`.

        `trusted` are URLs of private hosts that apps may reach if they name them.
        """
        self._state = storage / STATE
        self._client = client
        self._host = EffectorHost(
            BlockFolder(self._state / "blocks"), folder / "content", client, trusted=trusted
        )

    def open_effects(self, specs: Sequence[ServiceSpec]) -> Effects:
        """Return what the services' effectors do."""
        return self._host.open(specs, self._state)

    async def close(self) -> None:
        """Let go of what they hold."""
        await self._host.close()
        await self._client.aclose()
