"""What apps are, by their manifests: fetched once from the peers that run them, checked by hash."""

from collections import OrderedDict
from collections.abc import Callable

from gateway.directory.deals import DealRoute
from wasmarket.content.fetcher import Fetcher
from wasmarket.kernel.documents.content_ids import app_cid
from wasmarket.kernel.documents.manifest import Manifest, parse_manifest
from wasmarket.kernel.errors import BadContent, ContentNotFound, InvalidInput, Unreachable
from wasmarket.kernel.units import Hash

REMEMBERED = 10_000
PAUSE = 5.0
"""Seconds before content that nobody had is looked for again."""


class Apps:
    """Manifests by app; an app never changes, so each is read once."""

    def __init__(self, fetcher: Fetcher, clock: Callable[[], float]) -> None:
        """`clock` returns seconds."""
        self._fetcher = fetcher
        self._clock = clock
        self._known: OrderedDict[Hash, Manifest] = OrderedDict()
        self._missed: dict[Hash, float] = {}

    async def find(self, route: DealRoute) -> Manifest:
        """Return the manifest of the app of a deal. Raises Unreachable if no peer gives it."""
        known = self._known.get(route.app)
        if known is not None:
            return known
        if self._clock() < self._missed.get(route.app, 0.0):
            raise _unknown(route, "no peer has it")
        sources = [peer.endpoint for peer in route.peers]
        try:
            manifest = parse_manifest(await self._fetcher.fetch_block(app_cid(route.app), sources))
        except (ContentNotFound, BadContent, InvalidInput) as error:
            if len(self._missed) >= REMEMBERED:
                self._missed.clear()
            self._missed[route.app] = self._clock() + PAUSE
            raise _unknown(route, error.detail) from error
        if len(self._known) >= REMEMBERED:
            self._known.popitem(last=False)
        self._known[route.app] = manifest
        return manifest


def _unknown(route: DealRoute, why: str) -> Unreachable:
    return Unreachable(
        f"what deal {route.deal} runs is not known: {why}",
        field="deal",
        remedy="call /v1/deals/{deal}/{service}/{function}, or try again",
    )
