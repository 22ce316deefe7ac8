"""Ask the other peers of a deal what they know of a firing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Final

import httpx
import msgspec

from peer.triggers.firings import FiringState
from peer.triggers.schedule import rank_peers
from wasmarket.kernel.documents.json_text import decode_json
from wasmarket.kernel.documents.triggers import CHAIN_EVENT, Trigger
from wasmarket.kernel.errors import MarketError

logger = logging.getLogger(__name__)

ASK_SECONDS: Final = 2.0
MAX_ANSWER: Final = 4_096


class FiringAnswer(msgspec.Struct):
    """What a peer says of one firing."""

    state: str
    receipt: str = ""


class Neighbours:
    """The other peers of deals, as far as firings go. Event loop only."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        endpoint: Callable[[], str],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        """`endpoint` is this peer's own as the chain has it."""
        self._client = client
        self._endpoint = endpoint
        self._sleep = sleep

    def is_first(self, trigger: Trigger, firing: int, others: Collection[str]) -> bool:
        """Tell whether the turn is ours at once."""
        if not others:
            return True
        if trigger.kind == CHAIN_EVENT:
            return False
        return not rank_peers(trigger, firing, self._endpoint(), others)

    async def wait_for_turn(
        self, deal: int, trigger: Trigger, firing: int, others: Iterable[str]
    ) -> bool:
        """Wait for the peers whose turn is before ours; tell whether one has made the call."""
        listed = list(others)
        # Clocks strike for all at once; an event is seen by each when it reads the chain, and who
        # is late must not make a call that the next in turn has made meanwhile.
        if trigger.kind == CHAIN_EVENT and await self._is_made(listed, deal, trigger.key, firing):
            return True
        earlier = rank_peers(trigger, firing, self._endpoint(), listed)
        for _ in earlier:
            await self._sleep(trigger.grace_s)
            if await self._is_made(earlier, deal, trigger.key, firing):
                return True
        return False

    async def _is_made(self, peers: list[str], deal: int, key: str, firing: int) -> bool:
        asked = [self._ask(peer, deal, key, firing) for peer in peers]
        return any(await asyncio.gather(*asked))

    async def _ask(self, endpoint: str, deal: int, key: str, firing: int) -> bool:
        """Tell whether a peer shows the receipt of a firing, or is at it."""
        url = f"{endpoint.rstrip('/')}/v1/deals/{deal}/triggers/{key}/{firing}"
        try:
            async with asyncio.timeout(ASK_SECONDS):
                async with self._client.stream("GET", url) as answer:
                    if answer.status_code != httpx.codes.OK:
                        return False
                    body = bytearray()
                    async for chunk in answer.aiter_raw():
                        body += chunk
                        if len(body) > MAX_ANSWER:
                            return False
            told = decode_json(bytes(body), FiringAnswer)
        except (
            httpx.HTTPError,
            httpx.StreamError,
            httpx.InvalidURL,
            MarketError,
            OSError,
            ValueError,
        ) as error:
            logger.debug("peer not asked for a firing", extra={"url": url, "why": repr(error)})
            return False
        return told.state == FiringState.RUNNING or bool(told.receipt)
