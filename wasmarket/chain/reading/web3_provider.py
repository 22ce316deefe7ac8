"""A node of ours as a web3 provider: web3's contracts and formatters over our retries and batches.

Importing this imports web3, which takes most of a CPU second: import it where it is used.
"""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
from web3 import Web3
from web3._utils.caching.caching_utils import handle_request_caching
from web3._utils.encoding import Web3JsonEncoder
from web3.middleware import ExtraDataToPOAMiddleware
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from wasmarket.chain.reading.answers import NodeAnswer
from wasmarket.chain.reading.transport import Transport
from wasmarket.kernel.errors import MarketError

CHAIN_ID = "eth_chainId"
PROOF_OF_AUTHORITY = "proof of authority"


class TransportProvider(JSONBaseProvider):
    """Asks through a Transport: its retries, proxies, and batches that shrink to what a node takes.

    web3's own provider repeats `eth_sendRawTransaction`, and knows neither refused batches nor rate
    limits in an answer with status 200. Errors of the connection are ours: Unreachable, TimedOut.
    """

    def __init__(self, transport: Transport) -> None:
        # web3 asks for the chain id with each call and each sending.
        super().__init__(cache_allowed_requests=True, cacheable_requests={RPCEndpoint(CHAIN_ID)})
        self._transport = transport

    @handle_request_caching
    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Return the answer to one request."""
        return _to_response(0, self._transport.ask((method, _to_json(params))))

    def make_batch_request(self, requests: list[tuple[RPCEndpoint, Any]]) -> list[RPCResponse]:
        """Return the answers to several requests, in order."""
        asked = [(method, _to_json(params)) for method, params in requests]
        answers: Sequence[NodeAnswer] = self._transport.ask_many(asked)
        return [_to_response(number, answer) for number, answer in enumerate(answers)]

    def is_connected(self, show_traceback: bool = False) -> bool:
        """Say whether the node answers."""
        try:
            self._transport.request("eth_chainId")
        except MarketError:
            if show_traceback:
                raise
            return False
        return True


def open_web3(transport: Transport) -> Web3:
    """Return a Web3 over a connection that the caller closes.

    It also reads the headers of proof-of-authority chains.
    """
    web3 = Web3(TransportProvider(transport))
    web3.middleware_onion.inject(ExtraDataToPOAMiddleware, PROOF_OF_AUTHORITY, layer=0)
    return web3


def _to_json(params: Any) -> Any:
    """Write parameters as web3 does: bytes in hex, numbers as they are."""
    return msgspec.Raw(json.dumps(params or [], cls=Web3JsonEncoder).encode())


def _to_response(number: int, answer: NodeAnswer) -> RPCResponse:
    response: RPCResponse = {"jsonrpc": "2.0", "id": number}
    problem = answer.problem
    if problem is None:
        response["result"] = msgspec.json.decode(answer.result)
    else:
        response["error"] = {"code": problem.code, "message": problem.message}
        if problem.data is not None:
            response["error"]["data"] = problem.data
    return response
