"""A node that serves generated blocks over HTTP, as JSON written beforehand.

`python -m bench.indexer.node FILE PORT` serves what `write_chain` has written.
"""

import json
import os
import pickle
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import rlp  # type: ignore[import-untyped]

from wasmarket.chain.contracts.encoder import encode_event
from wasmarket.chain.reading.blocks import RawLog
from wasmarket.chain.reading.bloom import bloom_of
from wasmarket.kernel.addresses import raw, to_hash
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.events import EVENTS, Event
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.units import Hash
from wasmarket.testing.fake_chain import FAKE_CODE

EMPTY = bytes(32)
NO_NONCE = bytes(8)
NEWEST = {"latest", "safe", "finalized"}
PLAIN = {
    "from": "0x" + "11" * 20,
    "to": "0x" + "22" * 20,
    "input": "0x",
    "value": "0x0",
    "nonce": "0x0",
    "gas": "0x5208",
    "gasPrice": "0x1",
    "type": "0x0",
    "chainId": "0x7a69",
    "v": "0x1b",
    "r": "0x1",
    "s": "0x1",
}
"""What all transactions of the chain say: no indexer looks at them."""


@dataclass(frozen=True, slots=True)
class WrittenChain:
    """Blocks as JSON: header and logs of each, from number `first` on."""

    first: int
    chain_id: int
    headers: list[bytes]
    logs: list[bytes]
    counts: list[int]
    hashes: dict[str, int]


def write_chain(
    deployment: Deployment, blocks: Iterable[tuple[int, list[Event]]], empty_at_end: int = 64
) -> WrittenChain:
    """Seal blocks: hashes, parents and blooms are as on a real chain."""
    owners = {
        kind: deployment.contracts[n].address for n, kinds in EVENTS.items() for kind in kinds
    }
    chain = WrittenChain(deployment.block, deployment.chain_id, [], [], [], {})
    parent, second = Hash("0x" + EMPTY.hex()), 0
    for second, events in _with_end(blocks, empty_at_end):
        number = deployment.block + len(chain.headers)
        logs = [_to_log(owners[type(e)], number, at, e) for at, e in enumerate(events)]
        header, seal = _seal(number, parent, second, bloom_of(logs))
        texts = [
            json.dumps(
                {
                    "address": log.address,
                    "topics": log.topics,
                    "data": log.data,
                    "blockNumber": log.block_number,
                    "blockHash": seal,
                    "transactionHash": log.transaction_hash,
                    "transactionIndex": hex(at),
                    "logIndex": log.log_index,
                    "removed": False,
                }
            )
            for at, log in enumerate(logs)
        ]
        chain.hashes[seal] = len(chain.headers)
        chain.headers.append(json.dumps(header).encode())
        chain.logs.append(",".join(texts).encode())
        chain.counts.append(len(texts))
        parent = seal
    return chain


def _with_end(
    blocks: Iterable[tuple[int, list[Event]]], empty: int
) -> Iterator[tuple[int, list[Event]]]:
    second = 0
    for second, events in blocks:
        yield second, events
    for _ in range(empty):
        second += 2
        yield second, []


def _to_log(address: str, number: int, at: int, event: Event) -> RawLog:
    topics, data = encode_event(event)
    transaction = to_hash(keccak(b"%d/%d" % (number, at // 3)))
    return RawLog(address.lower(), topics, data, hex(number), "", transaction, hex(at))


def _seal(number: int, parent: Hash, second: int, bloom: int) -> tuple[dict[str, Any], Hash]:
    """Return a header as JSON-RPC writes it, and its hash."""
    data: dict[str, int | bytes] = {
        "parentHash": raw(parent),
        "sha3Uncles": EMPTY,
        "miner": EMPTY[:20],
        "stateRoot": keccak(b"%d" % number),
        "transactionsRoot": EMPTY,
        "receiptsRoot": EMPTY,
        "logsBloom": bloom.to_bytes(256, "big"),
        "difficulty": 0,
        "number": number,
        "gasLimit": 30_000_000,
        "gasUsed": 21_000,
        "timestamp": second,
        "extraData": b"",
        "mixHash": EMPTY,
        "nonce": NO_NONCE,
        "baseFeePerGas": 1_000_000_000,
    }
    seal = to_hash(keccak(rlp.encode([_item(value) for value in data.values()])))
    header = {
        name: hex(value) if isinstance(value, int) else "0x" + value.hex()
        for name, value in data.items()
    }
    return header | {"hash": seal, "size": "0x220", "transactions": [], "uncles": []}, seal


def _item(value: int | bytes) -> bytes:
    if isinstance(value, bytes):
        return value
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


class Served:
    """Answers JSON-RPC out of a written chain; `until` is the index of its newest block."""

    def __init__(self, chain: WrittenChain) -> None:
        self.chain = chain
        self.until = len(chain.headers) - 1
        self._sums = [0]
        for count in chain.counts:
            self._sums.append(self._sums[-1] + count)

    @property
    def total(self) -> int:
        """How many events there are."""
        return self._sums[-1]

    def answer(self, request: dict[str, Any]) -> bytes:
        """Return the answer to one request."""
        return b'{"jsonrpc":"2.0","id":%d,"result":%s}' % (
            request.get("id", 0),
            self._result(request["method"], request.get("params", [])),
        )

    def _result(self, method: str, params: list[Any]) -> bytes:
        chain = self.chain
        if method == "eth_chainId":
            return b'"%s"' % hex(chain.chain_id).encode()
        if method == "eth_getCode":
            return b'"0x%s"' % FAKE_CODE.hex().encode()
        if method == "eth_blockNumber":
            return b'"%s"' % hex(chain.first + self.until).encode()
        if method == "eth_getBlockByNumber":
            return self._block(self._place(params[0]), *params[1:])
        if method == "eth_getBlockByHash":
            return self._block(chain.hashes.get(params[0], self.until + 1), *params[1:])
        if method == "eth_getLogs":
            return self._logs(params[0])
        raise ValueError(method)

    def _block(self, place: int, is_whole: bool = False) -> bytes:
        """Return a block, with all of its transactions if they are asked for."""
        if place == -1:
            # Some ask for the block before the first, which is none of the market's.
            header = json.loads(self.chain.headers[0]) | {"number": hex(self.chain.first - 1)}
            return json.dumps(header).encode()
        if not 0 <= place <= self.until:
            return b"null"
        header = self.chain.headers[place]
        logs = json.loads(b"[%s]" % self.chain.logs[place]) if is_whole else []
        if not logs:
            return header
        transactions = [
            PLAIN
            | {
                "hash": log["transactionHash"],
                "transactionIndex": log["transactionIndex"],
                "blockHash": log["blockHash"],
                "blockNumber": log["blockNumber"],
            }
            for log in logs
        ]
        return json.dumps(json.loads(header) | {"transactions": transactions}).encode()

    def _logs(self, query: dict[str, Any]) -> bytes:
        if "blockHash" in query:
            first = last = self.chain.hashes[query["blockHash"]]
        else:
            first, last = self._place(query["fromBlock"]), self._place(query["toBlock"])
        first, last = max(0, first), min(self.until, last)
        return b"[%s]" % b",".join(part for part in self.chain.logs[first : last + 1] if part)

    def _place(self, tag: str) -> int:
        return self.until if tag in NEWEST else int(tag, 16) - self.chain.first


def serve_chain(served: Served, port: int) -> ThreadingHTTPServer:
    """Return a server on a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if isinstance(body, list):
                text = b"[%s]" % b",".join(served.answer(request) for request in body)
            else:
                text = served.answer(body)
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing of each request."""

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def main(file: str, port: str) -> None:
    """Serve a chain that was pickled by the benchmark itself, until killed."""
    served = Served(pickle.loads(Path(file).read_bytes()))
    server = serve_chain(served, int(port))
    print(
        json.dumps({"ready": True, "port": server.server_address[1], "pid": os.getpid()}),
        flush=True,
    )
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
