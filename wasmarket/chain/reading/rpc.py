"""What we ask a node, with types: heads, headers, logs, code, calls, fees."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wasmarket.chain.errors import RpcError, to_reverted
from wasmarket.chain.reading.answers import Request, parse_quantity
from wasmarket.chain.reading.blocks import BlockRef, BlockTag, Header, LogRange, RawLog
from wasmarket.chain.reading.headers import RawHeader, read_header
from wasmarket.chain.reading.identity import check_identity
from wasmarket.chain.reading.transport import Transport
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.units import Address, BlockNumber, Hash

HASH_LENGTH = 66
UNKNOWN_BLOCK = re.compile(
    r"unknown (block|header)|(block|header)\b.*(not found|unknown|not exist)", re.IGNORECASE
)
TIP_IF_UNKNOWN = 10**9
"""Wei per gas, where a node does not suggest a tip."""


@dataclass(frozen=True, slots=True)
class Fees:
    """The base fee of the newest block and the tip that the node suggests, wei per gas."""

    base: int
    tip: int


class Rpc(Transport):
    """A node, safe to share between threads. All methods raise Unreachable, TimedOut, RpcError."""

    def doubt(self) -> None:
        """Do nothing: there is no other node here."""

    def fetch_chain_id(self) -> int:
        """Return the chain id."""
        return parse_quantity(self.request("eth_chainId", (), str))

    def fetch_block_number(self) -> BlockNumber:
        """Return the newest block's number."""
        return BlockNumber(parse_quantity(self.request("eth_blockNumber", (), str)))

    def fetch_head(self, tag: BlockTag = "latest") -> BlockRef:
        """Return the newest block, or the newest that `tag` stands for."""
        [head] = self.fetch_headers([tag])
        if head is None:
            raise RpcError(f"{self.origin} knows no block {tag}", code=0)
        return head

    def fetch_headers(self, tags: Sequence[BlockTag]) -> list[BlockRef | None]:
        """Return one block per tag, None where the node knows no such block."""
        answers = self.batch([_header_request(tag) for tag in tags], RawHeader | None)
        return [None if header is None else _to_ref(header) for header in map(_value, answers)]

    def fetch_checked_headers(self, tags: Sequence[BlockTag]) -> list[Header | None]:
        """Return one block per tag with its bloom, None where the node knows no such block.

        Raises ContradictoryAnswer for a header that does not have its hash.
        """
        answers = self.batch([_header_request(tag) for tag in tags], RawHeader | None)
        return [
            read_header(header, self.origin) if header is not None else None
            for header in map(_value, answers)
        ]

    def fetch_logs(self, addresses: Sequence[Address], first: int, last: int) -> list[RawLog]:
        """Return the logs of blocks first … last; RpcError when they are too many for the node."""
        query = {"address": addresses, "fromBlock": hex(first), "toBlock": hex(last)}
        logs: list[RawLog] = self.request("eth_getLogs", [query], list[RawLog])
        return logs

    def fetch_topic_logs(
        self, address: Address, topics: Sequence[Any], first: int, last: int
    ) -> list[RawLog]:
        """Return the logs of blocks first … last with these topics; RpcError when refused."""
        query = {
            "address": address,
            "topics": topics,
            "fromBlock": hex(first),
            "toBlock": hex(last),
        }
        logs: list[RawLog] = self.request("eth_getLogs", [query], list[RawLog])
        return logs

    def fetch_range(self, addresses: Sequence[Address], first: int, last: int) -> LogRange:
        """Return the logs of blocks first … last and, in the same request, the block `last`."""
        query = {"address": addresses, "fromBlock": hex(first), "toBlock": hex(last)}
        requests: list[Request] = [("eth_getLogs", [query]), _header_request(last)]
        logs, header = map(_value, self.batch(requests, list[RawLog] | RawHeader | None))
        if not isinstance(logs, list) or isinstance(header, list):
            raise RpcError(f"{self.origin} gave an unexpected answer about logs", code=0)
        return LogRange(logs, None if header is None else _to_ref(header))

    def fetch_block_logs(
        self, addresses: Sequence[Address], hashes: Sequence[Hash]
    ) -> list[list[RawLog] | None]:
        """Return each block's logs by block hash, None where the node knows no such block.

        Without addresses: those of every contract.
        """
        chosen = {"address": addresses} if addresses else {}
        requests: list[Request] = [
            ("eth_getLogs", [{**chosen, "blockHash": hash}]) for hash in hashes
        ]
        answers = self.batch(requests, list[RawLog])
        return [None if _is_unknown_block(answer) else _value(answer) for answer in answers]

    def fetch_code(self, address: Address) -> bytes:
        """Return the runtime code at an address, empty if there is none."""
        return _bytes(self.request("eth_getCode", [address, "latest"], str))

    def fetch_balance(self, address: Address) -> int:
        """Return an account's native balance in wei."""
        return parse_quantity(self.request("eth_getBalance", [address, "latest"], str))

    def fetch_nonce(self, address: Address, tag: BlockTag = "latest") -> int:
        """Return how many transactions an account has sent; "pending" counts waiting ones too."""
        return parse_quantity(self.request("eth_getTransactionCount", [address, _tag(tag)], str))

    def fetch_fees(self) -> Fees:
        """Return what a transaction costs now."""
        header, tip = self.batch(
            [("eth_getBlockByNumber", ["latest", False]), ("eth_maxPriorityFeePerGas", [])]
        )
        newest = _value(header)
        if not isinstance(newest, dict):
            raise RpcError(f"{self.origin} knows no newest block", code=0)
        base = parse_quantity(newest.get("baseFeePerGas") or "0x0")
        return Fees(base, TIP_IF_UNKNOWN if isinstance(tip, RpcError) else parse_quantity(tip))

    def call(
        self, to: Address, data: bytes, *, sender: Address | None = None, block: BlockTag = "latest"
    ) -> bytes:
        """Run a function without a transaction and return its output. Raises Reverted."""
        _, params = _call_request(to, data, block, sender)
        try:
            return _bytes(self.request("eth_call", params, str))
        except RpcError as error:
            raise (to_reverted(error) or error) from error

    def call_many(
        self, calls: Sequence[tuple[Address, bytes]], *, block: BlockTag = "latest"
    ) -> list[bytes | MarketError]:
        """Run several functions on one block; a refused one gives its error in place."""
        answers = self.batch([_call_request(to, data, block) for to, data in calls], str)
        return [
            to_reverted(answer) or answer if isinstance(answer, RpcError) else _bytes(answer)
            for answer in answers
        ]

    def check_deployment(self, deployment: Deployment) -> None:
        """Check chain id and code. Raises WrongChain that says what is different."""
        check_identity(self, deployment)


def _tag(tag: BlockTag) -> str | dict[str, str]:
    if isinstance(tag, int):
        return hex(tag)
    return {"blockHash": tag} if len(tag) == HASH_LENGTH else tag


def _header_request(tag: BlockTag) -> Request:
    if isinstance(tag, str) and len(tag) == HASH_LENGTH:
        return "eth_getBlockByHash", [tag, False]
    return "eth_getBlockByNumber", [_tag(tag), False]


def _call_request(
    to: Address, data: bytes, block: BlockTag, sender: Address | None = None
) -> Request:
    transaction = {"to": to, "data": "0x" + data.hex()}
    if sender is not None:
        transaction["from"] = sender
    return "eth_call", [transaction, _tag(block)]


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text[2:])
    except ValueError as error:
        raise RpcError(f"the node gave {text[:20]!r} where bytes should be", code=0) from error


def _to_ref(header: RawHeader) -> BlockRef:
    try:
        return header.to_ref()
    except ValueError as error:
        raise RpcError("the node gave a header whose numbers are none", code=0) from error


def _value(answer: Any) -> Any:
    if isinstance(answer, RpcError):
        raise answer
    return answer


def _is_unknown_block(answer: Any) -> bool:
    return isinstance(answer, RpcError) and UNKNOWN_BLOCK.search(answer.detail) is not None
