"""An indexed market of one developer's deals, and its node, in a process of its own.

`python -m bench.keeper.served_market DEALS SHORT DEVELOPER` prints its URLs. Each line on its input
is answered once what it brought is indexed: `epoch` a whole epoch with the events that such a
market has, `begin N` the beginning of one whose events come in N turns, `turn` one of these.
"""

import json
import sys
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from indexer.loop import IndexLoop
from indexer.progress import Board
from matcher.run import build_matcher
from matcher.settings import MatcherSettings
from wasmarket.chain.reading.blocks import BlockRef
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel import events
from wasmarket.kernel.addresses import (
    ZERO_ADDRESS,
    parse_address,
    raw,
    to_address,
    to_hash,
)
from wasmarket.kernel.events import Event
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.reasons import EndKind
from wasmarket.kernel.units import FLT, USDC, Address
from wasmarket.serving.outgoing.http import create_http_client
from wasmarket.serving.server import bind, serve
from wasmarket.store.chain.state import fetch_indexed
from wasmarket.store.database import open_database, sqlite_url
from wasmarket.store.migrate import upgrade
from wasmarket.testing.fake_chain import FAKE_CODE, FakeChain, fake_deployment
from wasmarket.testing.fake_sender import FakeSender

EPOCH_SECONDS = 3_600
BEGIN = 1_796_083_200
PEERS, PRICE = 200, 1_000
RUNWAY, SHORT_RUNWAY = 2_000, 40
NO_END = 2**32 - 1
A_BLOCK = 50
CLAIMED_IN = 24
"""Epochs in which each deal is claimed once."""
EVICTED = 10
"""Assignments that are evicted in an epoch."""


class DealsMarket:
    """Deals of one unit each; the first `short` of them last only a little."""

    def __init__(self, deals: int, short: int, developer: Address) -> None:
        self.deployment = fake_deployment(epoch_seconds=EPOCH_SECONDS)
        self.chain = FakeChain(self.deployment)
        self._deals, self._short, self._developer = deals, short, developer
        self._epoch = self._first = BEGIN // EPOCH_SECONDS
        self.chain.answer("MarketLens", "deal", self._view)
        self.chain.answer("Market", "account_word", 0)
        self.chain.answer("Market", "offer_word", 0)
        self.chain.answer("TestUSDC", "balanceOf", 0)
        self._to_come: list[list[Event]] = []
        self._pause = 0
        self._mine(self._begin())

    def pass_epoch(self) -> None:
        """Let an epoch pass: claims, evictions."""
        self._epoch += 1
        self._mine(self._live())

    def begin_epoch(self, turns: int) -> None:
        """Let an epoch begin in which as much happens, spread over so many turns."""
        self._epoch += 1
        happens = list(self._live())
        self._to_come = [happens[turn::turns] for turn in range(turns)]
        self._pause = EPOCH_SECONDS // (turns + 1)
        self.chain.mine(timestamp=self._epoch * EPOCH_SECONDS)

    def pass_turn(self) -> None:
        """Let a turn pass: a block with what happens in it."""
        self.chain.mine(*self._to_come.pop(), seconds=self._pause)

    def _mine(self, all_events: Iterator[Event]) -> None:
        second = self._epoch * EPOCH_SECONDS
        part: list[Event] = []
        for event in all_events:
            part.append(event)
            if len(part) >= A_BLOCK:
                self.chain.mine(*part, timestamp=second)
                part, second = [], second + 2
        self.chain.mine(*part, timestamp=second)

    def _begin(self) -> Iterator[Event]:
        provider = to_address(keccak(b"provider")[12:])
        yield events.Stake(provider, 0, 10**9 * FLT)
        for peer in range(1, PEERS + 1):
            key, wallet = to_hash(keccak(b"key%d" % peer)), to_address(keccak(b"w%d" % peer)[12:])
            yield events.PeerRegistered(
                peer, provider, key, 60_000, 2_048, 1, 0, wallet, f"https://p{peer}.example"
            )
        yield events.Deposited(self._developer, 10**9 * USDC, 10**9 * USDC)
        for deal in range(1, self._deals + 1):
            deposit = self._paid_for(deal) * PRICE
            offer = to_hash(keccak(b"offer%d" % deal))
            yield events.Assigned(deal, deal, self._peer_of(deal), 1, PRICE, offer)
            yield events.DealCreated(
                deal, self._developer, offer, offer, deposit, NO_END, ZERO_ADDRESS
            )
            yield events.Matched(deal, self._developer, 1, 0)
            yield events.Activated(deal, deal, self._epoch, 0, deposit - PRICE, PRICE)

    def _live(self) -> Iterator[Event]:
        provider = to_address(keccak(b"provider")[12:])
        turn = self._epoch - self._first
        for peer in range(1, PEERS + 1):
            root = to_hash(keccak(b"%d/%d" % (peer, self._epoch)))
            yield events.Committed(peer, self._epoch - 1, root)
        for deal in range(1, self._deals + 1):
            if deal % CLAIMED_IN == turn % CLAIMED_IN and turn > 2:
                yield events.Claimed(deal, provider, self._epoch - 2, PRICE, 0)
        for place in range(EVICTED):
            deal = self._deals - turn * EVICTED - place
            left = (self._paid_for(deal) - turn) * PRICE
            yield events.Ended(
                deal, deal, self._peer_of(deal), self._epoch, EndKind.EVICTED, 0, left, 0
            )

    def _paid_for(self, deal: int) -> int:
        return SHORT_RUNWAY if deal <= self._short else RUNWAY

    def _peer_of(self, deal: int) -> int:
        return deal % PEERS + 1

    def _view(self, deal: int) -> tuple[Any, ...]:
        runway = self._paid_for(deal) - 1 - (self._epoch - self._first)
        balance = runway * PRICE
        last = self._epoch + runway
        return (
            self._developer,
            balance,
            PRICE,
            self._epoch,
            NO_END,
            1,
            0,
            False,
            2,
            runway,
            last,
        )


class Node:
    """Answers JSON-RPC out of a chain in memory."""

    def __init__(self, chain: FakeChain) -> None:
        self._chain = chain

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to one request."""
        result = self._find(request["method"], request["params"])
        return {"jsonrpc": "2.0", "id": request["id"], "result": result}

    def _find(self, method: str, params: list[Any]) -> Any:
        match method:
            case "eth_chainId":
                return hex(self._chain.fetch_chain_id())
            case "eth_getCode":
                return "0x" + FAKE_CODE.hex()
            case "eth_getTransactionCount" | "eth_getBalance":
                return "0x0"
            case "eth_blockNumber":
                return hex(self._chain.head.number)
            case "eth_getBlockByNumber":
                return _write_header(self._chain.head)
            case "eth_call":
                call = params[0]
                data = bytes.fromhex((call.get("data") or call["input"])[2:])
                return "0x" + self._chain.call(to_address(raw(call["to"])), data).hex()
        raise ValueError(method)


def _write_header(head: BlockRef) -> dict[str, str]:
    return {
        "number": hex(head.number),
        "hash": head.hash,
        "parentHash": head.parent,
        "timestamp": hex(head.timestamp),
    }


def serve_node(node: Node) -> str:
    """Serve JSON-RPC until the process ends; return the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if isinstance(asked, list):
                text = json.dumps([node.answer(one) for one in asked]).encode()
            else:
                text = json.dumps(node.answer(asked)).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def main(deals: int, short: int, developer: Address) -> None:
    """Serve until the input ends."""
    market = DealsMarket(deals, short, developer)
    chain = market.chain
    sender = FakeSender(chain, Account.from_key(b"\x01" * 32).address)
    with tempfile.TemporaryDirectory() as folder, create_http_client() as http:
        database = open_database(sqlite_url(Path(folder) / "store.sqlite"))
        upgrade(database)
        index = IndexLoop(database, chain, market.deployment, Board(CollectorRegistry()))
        stop = threading.Event()

        def catch_up() -> None:
            block = -1
            while block < chain.head.number:
                index.take_turn(stop)
                with database.read() as session:
                    block = fetch_indexed(session).block

        catch_up()
        matcher = build_matcher(
            MatcherSettings(submit=False, peer_check_seconds=0, requests_per_minute=0),
            database=database,
            deployment=market.deployment,
            reader=chain,
            sender=sender,
            version="bench",
            http=http,
        )
        node_url = serve_node(Node(chain))

        def take_orders(matcher_url: str) -> None:
            print(json.dumps({"matcher": matcher_url, "rpc": node_url}), flush=True)
            for line in sys.stdin:
                word, _, turns = line.strip().partition(" ")
                match word:
                    case "epoch":
                        market.pass_epoch()
                    case "begin":
                        market.begin_epoch(int(turns))
                    case "turn":
                        market.pass_turn()
                catch_up()
                print("passed", flush=True)

        def on_ready(url: str) -> None:
            threading.Thread(target=take_orders, args=(url,), daemon=True).start()

        serve(matcher.app, bind("127.0.0.1", 0), on_ready)
        database.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), parse_address(sys.argv[3], field="developer"))
