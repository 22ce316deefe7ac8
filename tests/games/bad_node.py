"""A node that fails as hosted nodes do: silence, refusals, lag, lost answers, lost transactions."""

import json
import random
from typing import Any

import httpx

from tests.games.power import Power
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.kernel.hashing import keccak

FAULTS = ("refused", "silent", "busy", "page", "error", "answer lost", "swallowed")
CATCH_UP = 0.2


class BadNode(httpx.BaseTransport):
    """Passes requests on to a node, but for a share of them that go wrong; `trouble`: 0 … 1.

    `lag`: blocks by which it is behind what it says is newest.
    """

    def __init__(self, power: Power, rng: random.Random) -> None:
        self._inner = httpx.HTTPTransport()
        self._power = power
        self._rng = rng
        self.trouble = 0.0
        self.lag = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer, or not."""
        self._power.point()
        fault = self._choose()
        given = json.loads(request.content)
        entries = given if isinstance(given, list) else [given]
        match fault:
            case "refused":
                raise httpx.ConnectError("connection refused")
            case "silent":
                raise httpx.ReadTimeout("no answer")
            case "busy":
                return _answer(given, {"error": {"code": -32005, "message": "rate limit exceeded"}})
            case "page":
                return httpx.Response(502, text="<html>Bad Gateway</html>")
            case "swallowed" if entries[0]["method"] == "eth_sendRawTransaction":
                raw = bytes.fromhex(entries[0]["params"][0][2:])
                return _answer(given, {"result": "0x" + keccak(raw).hex()})
        response = self._pass_on(request, given, entries)
        self._power.point()
        if fault == "answer lost":
            raise httpx.ReadTimeout("the answer was lost")
        if fault == "error":
            return _answer(given, {"error": {"code": -32000, "message": "internal error"}})
        return response

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()

    def _choose(self) -> str:
        return self._rng.choice(FAULTS) if self._rng.random() < self.trouble else ""

    def _pass_on(
        self, request: httpx.Request, given: Any, entries: list[dict[str, Any]]
    ) -> httpx.Response:
        if not self.lag:
            return self._send(request, given)
        [newest] = json.loads(self._send(request, [_entry("eth_blockNumber")]).content)
        head = max(0, int(newest["result"], 16) - self.lag)
        # It catches up while it is asked, though no block is made meanwhile.
        self.lag -= self._rng.random() < CATCH_UP
        older = [
            {**entry, "params": [hex(head) if p == "latest" else p for p in entry["params"]]}
            for entry in entries
        ]
        heard = json.loads(self._send(request, older).content)
        methods = {entry["id"]: entry["method"] for entry in entries}
        told = [_as_of(head, methods[answer["id"]], answer) for answer in heard]
        return httpx.Response(200, json=told if isinstance(given, list) else told[0])

    def _send(self, request: httpx.Request, body: Any) -> httpx.Response:
        headers = {"content-type": "application/json", "host": request.headers["host"]}
        passed = httpx.Request("POST", request.url, headers=headers, json=body)
        response = self._inner.handle_request(passed)
        response.read()
        return response


def connect(url: str, power: Power, rng: random.Random) -> tuple[Rpc, BadNode]:
    """Return a node at a URL, and what may go wrong with it. Pauses between tries take no time."""
    node = BadNode(power, rng)
    return Rpc(url, transport=node, sleep=lambda _: None), node


def _entry(method: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 0, "method": method, "params": []}


def _answer(given: Any, part: dict[str, Any]) -> httpx.Response:
    if isinstance(given, dict):
        return httpx.Response(200, json={"jsonrpc": "2.0", "id": given["id"], **part})
    return httpx.Response(200, json=[{"jsonrpc": "2.0", "id": e["id"], **part} for e in given])


def _as_of(head: int, method: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer as a node says it that knows blocks up to `head`."""
    result = answer.get("result")
    if method == "eth_blockNumber":
        return {**answer, "result": hex(head)}
    number = None
    if isinstance(result, dict):
        number = result.get("number" if method.startswith("eth_getBlock") else "blockNumber")
    if isinstance(number, str) and int(number, 16) > head:
        return {**answer, "result": None}
    return answer
