"""JSON-RPC on the wire: requests, answers, and what a node's errors mean for the next request."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from wasmarket.chain.errors import EXECUTION_ERROR, RpcError

Request = tuple[str, Sequence[Any]]
"""A method and its parameters."""

LONGEST_MESSAGE = 500
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
READ_PREFIXES = (
    *("eth_get", "eth_call", "eth_estimate", "eth_fee", "eth_max"),
    *("net_", "web3_", "debug_trace", "trace_"),
)
READS = frozenset(
    {"eth_accounts", "eth_blockNumber", "eth_chainId", "eth_gasPrice", "eth_syncing"}
    | {"eth_blobBaseFee", "eth_createAccessList", "txpool_status", "txpool_content"}
)
FILTER_READS = ("eth_getFilterChanges", "eth_getFilterLogs")
"""Each gives what is new since the last: asking again would lose it."""

_SLOW_DOWN_CODES = frozenset({429, -32007, -32029, -32090, -32097})
"""What nodes in use answer to too many requests; none of them has another meaning."""
_LIMIT_EXCEEDED = -32005
"""Of EIP-1474: too many requests to some nodes, too many results to others."""
_RESULTS = re.compile(r"results?\b|range|logs|blocks|response|size|bytes|batch", re.IGNORECASE)
_SLOW_DOWN = re.compile(
    r"rate.{0,3}limit|rate exceeded|too many (requests|connections|calls)|throttl"
    r"|capacity exceeded|exceeded.{0,40}(capacity|quota|compute units)|quota.{0,20}exceeded"
    r"|requests? (count|limit)|requests? per|per second|/\s?s(ec(ond)?)?\b|slow down",
    re.IGNORECASE,
)


class NodeProblem(msgspec.Struct, frozen=True):
    """An error as a node describes it; the words are hints, never more."""

    code: int
    message: str
    data: Any = None

    def to_error(self) -> RpcError:
        """Return it as an error of ours."""
        return RpcError(self.message or "no message", code=self.code, data=self.data)

    @property
    def asks_to_slow_down(self) -> bool:
        """Whether the same request may be answered after a pause."""
        if self.code in _SLOW_DOWN_CODES or self.pause > 0:
            return True
        if self.code == EXECUTION_ERROR:
            return False
        if self.code == _LIMIT_EXCEEDED and not _RESULTS.search(self.message):
            return True
        return _SLOW_DOWN.search(self.message) is not None

    @property
    def pause(self) -> float:
        """The seconds that the node wants to be left alone, 0 if it names none."""
        rate = self.data.get("rate", self.data) if isinstance(self.data, dict) else None
        wanted = rate.get("backoff_seconds", 0) if isinstance(rate, dict) else 0
        return float(wanted) if isinstance(wanted, int | float) and 0 < wanted < 1e6 else 0.0

    @property
    def is_of_the_call(self) -> bool:
        """Whether it is surely about the request itself: a contract refused."""
        return (
            self.code == EXECUTION_ERROR
            or self.data is not None
            or "revert" in self.message.lower()
        )


class NodeAnswer(msgspec.Struct, frozen=True):
    """One answer; `error` is whatever the node put there."""

    id: Any = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: Any = None

    @property
    def problem(self) -> NodeProblem | None:
        """The error, None if there is none."""
        if self.error is None:
            return None
        if not isinstance(self.error, dict):
            return NodeProblem(0, _clip(self.error))
        code = self.error.get("code")
        return NodeProblem(
            code if isinstance(code, int) else 0,
            _clip(self.error.get("message")),
            self.error.get("data"),
        )

    @property
    def number(self) -> int | None:
        """Which request it answers, None if that cannot be said."""
        if isinstance(self.id, str) and self.id.isascii() and self.id.isdigit():
            return int(self.id) if len(self.id) < 10 else None
        return self.id if isinstance(self.id, int) else None


_ANSWER = msgspec.json.Decoder(NodeAnswer | list[NodeAnswer])


def parse_answers(body: bytes) -> NodeAnswer | list[NodeAnswer] | None:
    """Read what a node answered; None if it is not JSON-RPC."""
    try:
        answers: NodeAnswer | list[NodeAnswer] = _ANSWER.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    return answers


def parse_quantity(text: Any) -> int:
    """Read a number as JSON-RPC writes it. Raises RpcError."""
    if not isinstance(text, str) or not _QUANTITY.fullmatch(text):
        raise RpcError(f"the node gave {str(text)[:20]!r} where a number should be", code=0)
    return int(text, 16)


def write_request(number: int, request: Request) -> dict[str, Any]:
    """Return a request as it is sent."""
    method, params = request
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def is_read(method: str) -> bool:
    """Say whether a method only reads, so that asking twice is the same as asking once."""
    return (method in READS or method.startswith(READ_PREFIXES)) and method not in FILTER_READS


def _clip(text: Any) -> str:
    return str(text)[:LONGEST_MESSAGE] if text is not None else ""
