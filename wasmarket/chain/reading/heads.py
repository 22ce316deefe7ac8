"""Hear of new blocks from the node as they come, over a WebSocket."""

import logging
import os
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from wasmarket.kernel.errors import ConfigError
from wasmarket.serving.outgoing.proxies import choose_proxy

logger = logging.getLogger(__name__)

SUBSCRIBE = {"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]}
LARGEST_MESSAGE = 1 << 20
OPEN_SECONDS = 5.0
LISTEN_SECONDS = 0.25
"""How long a step listens; it is how late it sees that it is to stop."""

RECONNECT_SECONDS = 5.0

SAFETY_SECONDS = 2.0
"""Between looks of our own while the node tells: a subscription may go silent without an end."""

PORTS = {"ws": 80, "wss": 443}


class NewHeads:
    """A subscription to `newHeads`; each `step` listens for a while. For one thread."""

    def __init__(self, url: str, on_head: Callable[[], object]) -> None:
        """`url`: ws or wss. Raises ConfigError for any other."""
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname:
            raise ConfigError(
                "the WebSocket URL of the node is none",
                field="chain.websocket",
                remedy="give a URL such as ws://127.0.0.1:8545, or leave it empty",
            )
        self._url = url
        self._origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._host, self._port = parts.hostname, parts.port or PORTS[parts.scheme]
        self._is_secure = parts.scheme == "wss"
        self._on_head = on_head
        self._socket: ClientConnection | None = None
        self.is_live = False

    @property
    def pause(self) -> float:
        """Seconds until the next step."""
        return RECONNECT_SECONDS if self._socket is None else 0.0

    def step(self) -> None:
        """Listen for a moment. A node that ends or refuses it is nobody's failure: the chain is
        looked at more often meanwhile, and a later step tries again."""
        try:
            if self._socket is None:
                self._socket = self._connect()
            self._read(self._socket.recv(timeout=LISTEN_SECONDS))
        except TimeoutError:
            if self._socket is None:
                self._lose("does not answer")
        except (OSError, WebSocketException, msgspec.DecodeError, _NotSubscribed) as error:
            self._lose(str(error))

    def close(self) -> None:
        """End the connection."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self.is_live = None, False

    def _connect(self) -> ClientConnection:
        scheme = "https" if self._is_secure else "http"
        socket = connect(
            self._url,
            open_timeout=OPEN_SECONDS,
            max_size=LARGEST_MESSAGE,
            proxy=choose_proxy(scheme, self._host, self._port, os.environ),
            compression=None,
        )
        socket.send(msgspec.json.encode(SUBSCRIBE).decode())
        return socket

    def _lose(self, why: str) -> None:
        if self.is_live:
            logger.warning("new blocks are looked for", extra={"node": self._origin, "why": why})
        self.close()
        self._on_head()

    def _read(self, message: str | bytes) -> None:
        told = msgspec.json.decode(message, type=_Told)
        if told.error is not None:
            raise _NotSubscribed("the node has no subscriptions")
        if not self.is_live:
            logger.info("the node tells of new blocks", extra={"node": self._origin})
        self.is_live = True
        self._on_head()


class _Told(msgspec.Struct):
    """An answer or a notice; what the block is, is asked for and checked as ever."""

    method: str = ""
    error: msgspec.Raw | None = None


class _NotSubscribed(Exception):
    """The node refused."""


def websocket_url(rpc_url: str, given: str) -> str:
    """Return where to subscribe: what is configured, else the node's own URL as a WebSocket."""
    return given or "ws" + rpc_url.removeprefix("http")
