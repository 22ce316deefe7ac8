"""Print CPU costs of a node's answers: `python -m bench.chain`. No network, no node.

Calls are answered from memory, so that only this process's own work is measured.
"""

import importlib
import time
from collections.abc import Callable
from typing import get_type_hints

import httpx
import msgspec
from msgspec.structs import fields

from wasmarket.chain.contracts.bindings import Erc20
from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.contracts.encoder import encode_event
from wasmarket.chain.reading.blocks import RawLog
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.client.contracts import MarketContracts
from wasmarket.kernel.events import EVENTS
from wasmarket.kernel.units import Address, Hash, Timestamp
from wasmarket.testing.fake_chain import fake_deployment

CALLS = 200
ROUNDS = 3
COPIES = 100
BLOCK = "0x" + "12" * 32
WORD = "0x" + f"{123:064x}"
HEADER = {
    **{"number": "0x10", "hash": BLOCK, "parentHash": BLOCK, "timestamp": "0x6553f100"},
    **{"baseFeePerGas": "0x7", "logsBloom": "0x" + "00" * 256, "transactions": [], "uncles": []},
    **{"gasUsed": "0x0", "gasLimit": "0x0", "extraData": "0x", "size": "0x1", "nonce": "0x00"},
    **dict.fromkeys(("mixHash", "receiptsRoot", "stateRoot", "transactionsRoot"), BLOCK),
}


class Memory(httpx.BaseTransport):
    """Answers each method with the same result."""

    def __init__(self, results: dict[str, object]) -> None:
        self._answers = {
            method: msgspec.json.encode({"jsonrpc": "2.0", "id": 0, "result": result})
            for method, result in results.items()
        }

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer to a single request."""
        method = msgspec.json.decode(request.read())["method"]
        return httpx.Response(200, content=self._answers[method])


def main() -> None:
    """Measure and print."""
    print(f"import of web3                {measure_import():8.2f} CPU s")
    deployment = fake_deployment()
    decoder = Decoder(deployment)
    logs = make_logs()
    node = Memory(
        {"eth_blockNumber": "0x7b", "eth_getBalance": "0x7b", "eth_getBlockByNumber": HEADER}
        | {"eth_call": WORD, "eth_chainId": "0x7a69", "eth_getLogs": logs}
    )
    with Rpc("http://127.0.0.1:1", transport=node) as rpc:
        contracts = MarketContracts(rpc, deployment)
        eth, token = contracts.web3.eth, Erc20(rpc, deployment.usdc.address)
        usdc, owner = contracts.usdc.functions, deployment.market
        pairs: list[tuple[str, Callable[[], object], Callable[[], object]]] = [
            ("block number", rpc.fetch_block_number, lambda: eth.block_number),
            ("balance", lambda: rpc.fetch_balance(owner), lambda: eth.get_balance(owner)),
            ("newest block", rpc.fetch_head, lambda: eth.get_block("latest")),
            ("view of a contract", lambda: token.balance(owner), usdc.balanceOf(owner).call),
        ]
        for name, ours, theirs in pairs:
            print(f"{name:20} ours {measure(ours):6.0f} µs, web3 {measure(theirs):6.0f} µs")
        times = {BLOCK: Timestamp(1)}
        query = {"address": decoder.addresses, "fromBlock": 1, "toBlock": 2}
        raw = {"address": decoder.addresses, "fromBlock": "0x1", "toBlock": "0x2"}
        provider = contracts.web3.provider
        read: list[tuple[str, Callable[[], object]]] = [
            (
                "our transport, our decoder",
                lambda: decoder.decode_all(rpc.fetch_logs(decoder.addresses, 1, 2), times),
            ),
            (
                "web3's provider, our decoder",
                lambda: decoder.decode_all(
                    msgspec.convert(
                        provider.make_request("eth_getLogs", [raw])["result"], list[RawLog]
                    ),
                    times,
                ),
            ),
            ("web3's get_logs, not decoded", lambda: eth.get_logs(query)),
        ]
        for name, function in read:
            seconds = min(spend(function) for _ in range(ROUNDS))
            print(f"{name:30} {len(logs) / seconds:9.0f} events per CPU s")


def make_logs() -> list[RawLog]:
    """Return logs of every event whose fields fill one word each."""
    deployment = fake_deployment()
    values = {int: 123_456, bool: True, Address: deployment.market, Hash: BLOCK}
    logs = []
    for name, kinds in EVENTS.items():
        for kind in kinds:
            hints = get_type_hints(kind)
            wanted = {field.name: hints[field.name] for field in fields(kind)}
            if not set(wanted.values()) <= values.keys():
                continue
            topics, data = encode_event(kind(**{key: values[hint] for key, hint in wanted.items()}))
            address = deployment.contracts[name].address.lower()
            logs.append(RawLog(Address(address), topics, data, "0x7b", BLOCK, BLOCK, "0x2"))
    return logs * COPIES


def measure_import() -> float:
    """Return what importing web3 adds, in CPU seconds."""
    return spend(lambda: importlib.import_module("web3"))


def measure(function: Callable[[], object]) -> float:
    """Return the CPU time of a call in µs."""
    function()

    def call_often() -> None:
        for _ in range(CALLS):
            function()

    return min(spend(call_often) for _ in range(ROUNDS)) / CALLS * 1e6


def spend(function: Callable[[], object]) -> float:
    """Return the CPU seconds of this process while a function runs."""
    began = time.process_time()
    function()
    return time.process_time() - began


if __name__ == "__main__":
    main()
