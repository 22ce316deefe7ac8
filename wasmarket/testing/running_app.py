"""An app in a test: its functions on the real runtime, its effectors as the test says.

The runtime is no part of the library: it is there with the extra `[peer]`.
"""

import importlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, Protocol

IMPLEMENTATION: Final = "wasmarket_cli.developer.apps.testing_app"


class RunningApp(Protocol):
    """An app that was built, on a real worker. Every call has the app's limits."""

    logs: list[str]
    """What the last call logged."""
    fuel: int
    """What the last call used, 0 where the app counts none."""
    duration_us: int
    """How long the last call took."""

    @property
    def requests(self) -> list[str]:
        """What was asked of hosts: `GET https://…`, in order."""

    def call(self, function: str, /, *arguments: Any, **named: Any) -> Any:
        """Return what `service.function` answers, arguments by position or by name.

        Raises MarketError: what a peer answers a caller, such as GuestTrap or CallRefused.
        """

    def visit(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: str = "",
    ) -> dict[str, Any]:
        """Return what the app's site answers: `status`, `headers`, `body`. Raises as `call`."""

    def answer(
        self,
        url: str,
        body: str | bytes = "",
        *,
        status: int = 200,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Have a host answer this from now on, before answers that were given earlier."""

    def put(self, key: str, value: str | bytes) -> None:
        """Put something into the app's store."""

    def get(self, key: str) -> bytes | None:
        """Return what the app's store has under a key."""


def app(
    folder: str | Path = ".",
    *,
    http: Sequence[Mapping[str, Any]] = (),
    kv: Mapping[str, str | bytes] | None = None,
    secret: Mapping[str, str | bytes] | None = None,
) -> AbstractContextManager[RunningApp]:
    """Build the app in `folder` and lend it to a test: `with app() as shop: shop.call(…)`.

    `http`, `kv` and `secret` are what its effectors find: answers with `url`, and `method`,
    `status`, `headers`, `body` if wanted; what the store has; secrets by name. Raises InvalidInput,
    MissingTool, BuildFailed, ModuleError.
    """
    # The one arrow up, by name: tests of apps need what only the command line puts together.
    opened = importlib.import_module(IMPLEMENTATION).open_app(
        Path(folder), http=tuple(http), kv=dict(kv or {}), secret=dict(secret or {})
    )
    running: AbstractContextManager[RunningApp] = opened
    return running
