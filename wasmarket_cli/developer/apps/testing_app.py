"""What `wasmarket.testing.app` lends: a built app on a real worker, with effectors of a test."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from peer.runtime.errors import GuestFault
from peer.runtime.module.service import BodyKind
from wasmarket.app.file import App
from wasmarket.client.home import find_home
from wasmarket.kernel.errors import InvalidInput
from wasmarket_cli.building.build import build_app
from wasmarket_cli.developer.apps.app_check import check_app
from wasmarket_cli.developer.apps.app_runner import AppRunner
from wasmarket_cli.developer.apps.commands import open_code
from wasmarket_cli.developer.apps.fake_effects import FakeAnswers, FakeEffects
from wasmarket_cli.developer.arguments import parse_function
from wasmarket_cli.developer.site_messages import read_value, write_body


class TestingApp:
    """A `wasmarket.testing.RunningApp`."""

    def __init__(
        self, app: App, runner: AppRunner, effects: FakeEffects, answers: FakeAnswers
    ) -> None:
        self._app = app
        self._runner = runner
        self._effects = effects
        self._http = list(answers.http)
        self._answers = FakeAnswers(self._http, answers.kv, answers.secret)
        self.logs: list[str] = []
        self.fuel = 0
        self.duration_us = 0
        runner.do(effects.fill(self._answers))

    @property
    def requests(self) -> list[str]:
        """What was asked of hosts."""
        return [f"{one.method} {one.url}" for one in self._effects.requests]

    def call(self, function: str, /, *arguments: Any, **named: Any) -> Any:
        """Call `service.function`. Raises MarketError."""
        if arguments and named:
            raise InvalidInput("give arguments by position or by name", field="arguments")
        service, name = parse_function(function)
        body = json.dumps(named or list(arguments)).encode()
        return json.loads(self._call(service, name, body, BodyKind.JSON))["result"]

    def visit(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: str = "",
    ) -> dict[str, Any]:
        """Send a request to the app's site. Raises InvalidInput where it has none."""
        site = self._app.manifest.site
        if site is None:
            raise InvalidInput("the app has no site", remedy='give it a trigger of kind "http"')
        request = {"path": path, "method": method, "headers": dict(headers or {}), "body": body}
        message, kind = write_body({"request": request}, None)
        answer: dict[str, Any] = read_value(
            {"request": request}, self._call(site.service, site.function, message, kind)
        )
        return answer

    def answer(
        self,
        url: str,
        body: str | bytes = "",
        *,
        status: int = 200,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Have a host answer this from now on."""
        given = {"url": url, "method": method, "status": status, "body": body}
        self._http.insert(0, {**given, "headers": dict(headers or {})})

    def put(self, key: str, value: str | bytes) -> None:
        """Put something into the store of each service."""
        for service in self._runner.pool.services:
            self._runner.do(self._effects.put(service, key, value))

    def get(self, key: str) -> bytes | None:
        """Return what the store of the first service that knows a key has under it."""
        for service in self._runner.pool.services:
            if (value := self._runner.do(self._effects.get(service, key))) is not None:
                return value
        return None

    def _call(self, service: str, function: str, body: bytes, kind: BodyKind) -> bytes:
        try:
            result = self._runner.call(service, function, body, kind)
        except GuestFault as fault:
            self.logs, self.fuel, self.duration_us = list(fault.logs), fault.fuel, fault.duration_us
            raise
        self.logs, self.fuel, self.duration_us = list(result.logs), result.fuel, result.duration_us
        return result.output


@contextmanager
def open_app(
    path: Path,
    *,
    http: Sequence[Mapping[str, Any]],
    kv: Mapping[str, Any],
    secret: Mapping[str, Any],
) -> Iterator[TestingApp]:
    """Build an app and run it while the context is open. Raises as `wasmarket.testing.app`."""
    built = build_app(path, lambda text: None)
    check_app(built)
    made: list[FakeEffects] = []
    with (
        tempfile.TemporaryDirectory(prefix="wasmarket-") as name,
        open_code(find_home(os.environ)) as code,
    ):
        folder = Path(name)

        def make_effects(app: App) -> FakeEffects:
            made.append(FakeEffects(app, folder, httpx.AsyncClient(trust_env=False)))
            return made[-1]

        runner = AppRunner(folder, code, make_effects)
        try:
            runner.load(built)
            yield TestingApp(built, runner, made[-1], FakeAnswers(http, kv, secret))
        finally:
            runner.close()
