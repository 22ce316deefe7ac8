"""Ask a matcher where deals run, for gateways that have no store."""

from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from gateway.directory.deals import DealRoute, PeerRoute
from wasmarket.kernel.addresses import parse_address, parse_hash
from wasmarket.kernel.billing import DealStatus
from wasmarket.kernel.errors import InvalidInput, Unreachable
from wasmarket.kernel.units import Address, Hash
from wasmarket.store.enums import RUNNING_STATES

PAGE = 500
MAX_PAGES = 10

Result = TypeVar("Result")


class MatcherDirectory:
    """The deals as a matcher's read API shows them (DESIGN 8.6)."""

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        """`url` is the matcher's; `http` brings the time limits."""
        self._http = http
        self._url = url.rstrip("/")

    async def find(self, deal: int) -> DealRoute | None:
        """Return a deal's route; None: no such deal. Raises Unreachable."""
        answer = await self._get(f"/v1/deals/{deal}", {})
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        return self._read(answer, _route)

    async def find_former(self, deal: int) -> tuple[PeerRoute, ...]:
        """Return peers that ran a deal, those of late first. Raises Unreachable."""
        found: dict[int, PeerRoute] = {}
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            params = {"limit": str(PAGE), **({"cursor": cursor} if cursor else {})}
            answer = await self._get(f"/v1/deals/{deal}/assignments", params)
            if answer.status_code == httpx.codes.NOT_FOUND:
                break
            rows, cursor = self._read(answer, _former)
            for row in rows:
                found.pop(row.peer, None)
                found[row.peer] = row
            if cursor is None:
                break
        return tuple(reversed(found.values()))

    async def find_apps(self) -> frozenset[Hash]:
        """Return the apps of all deals that have not ended. Raises Unreachable."""
        return frozenset(app for app, _ in await self._find_live())

    async def find_developers(self) -> frozenset[Address]:
        """Return the developers of all deals that have not ended. Raises Unreachable."""
        return frozenset(developer for _, developer in await self._find_live())

    async def _find_live(self) -> set[tuple[Hash, Address]]:
        """Return app and developer of all deals that have not ended. Raises Unreachable."""
        live: set[tuple[Hash, Address]] = set()
        cursor: str | None = None
        while True:
            params = {"limit": str(PAGE), **({"cursor": cursor} if cursor else {})}
            found, cursor = self._read(await self._get("/v1/deals", params), _live)
            live |= found
            if cursor is None:
                return live

    async def _get(self, path: str, params: dict[str, str]) -> httpx.Response:
        try:
            answer = await self._http.get(f"{self._url}{path}", params=params)
        except httpx.HTTPError as error:
            raise Unreachable(
                f"the matcher at {self._url} cannot be reached: {error}",
                remedy="is it running? [gateway] matcher names it",
            ) from error
        if answer.is_server_error:
            raise Unreachable(f"the matcher at {self._url} answered {answer.status_code}")
        return answer

    def _read(self, answer: httpx.Response, parse: Callable[[dict[str, Any]], Result]) -> Result:
        try:
            return parse(answer.json())
        except (ValueError, KeyError, TypeError, InvalidInput) as error:
            raise Unreachable(
                f"{answer.request.url} is not what a matcher answers: {error}",
                remedy="check [gateway] matcher",
            ) from error


def _live(page: dict[str, Any]) -> tuple[set[tuple[Hash, Address]], str | None]:
    """Return app and developer of a page's deals that have not ended, and the next cursor."""
    rows = (row for row in page["items"] if row["status"] != DealStatus.ENDED)
    found = {(parse_hash(row["app"]), parse_address(row["developer"])) for row in rows}
    return found, page["next"]


def _former(page: dict[str, Any]) -> tuple[list[PeerRoute], str | None]:
    """Return the peers of a page's assignments that have begun, and the next cursor."""
    rows = [row for row in page["items"] if row["start"] is not None]
    routes = [PeerRoute(int(r["peer"]), str(r["endpoint"]), int(r["region"])) for r in rows]
    return routes, page["next"]


def _route(row: dict[str, Any]) -> DealRoute:
    return DealRoute(
        deal=int(row["id"]),
        developer=parse_address(row["developer"]),
        app=parse_hash(row["app"]),
        status=DealStatus(row["status"]),
        peers=tuple(
            PeerRoute(int(entry["peer"]), str(entry["endpoint"]), int(entry["region"]))
            for entry in row["assignments"]
            if entry["state"] in RUNNING_STATES
        ),
    )
