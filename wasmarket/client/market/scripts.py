"""Run Aqua at a peer: compile, have a peer begin the script, follow its way."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from wasmarket.app.aqua.compiler import AquaFunction, CompiledAqua, compile_aqua, find_compiler
from wasmarket.client.developer import DeveloperClient
from wasmarket.client.service import ServiceClient
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.addresses import parse_hash, raw
from wasmarket.kernel.documents.flows import dump_interface
from wasmarket.kernel.documents.particles import to_peer_id
from wasmarket.kernel.errors import InvalidInput, MarketError, NotFound

TTL_MS: Final = 15_000
MOST_HOPS: Final = 200
_CALL: Final = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_.]*)\s*(?:\((.*)\))?\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One thing that a peer did for a script; `at` in milliseconds since 1970, by its clock."""

    at: int
    peer: str
    what: str
    result: str
    duration_us: int = 0
    receipt: str = ""


@dataclass(frozen=True, slots=True)
class ScriptRun:
    """What a script gave: `value`, and by name what it told functions among its arguments."""

    particle: str
    initiator: str
    value: Any
    callbacks: dict[str, list[Any]]
    endpoint: str
    trail: dict[str, Any] = field(repr=False)


def parse_call(text: str) -> tuple[str, list[Any]]:
    """Read `function(argument, …)`, arguments in JSON. Raises InvalidInput."""
    found = _CALL.fullmatch(text)
    if found is None:
        raise InvalidInput(
            f"{text[:80]!r} is no call", field="call", remedy="write 'function(\"text\", 7)'"
        )
    name, inner = found[1], (found[2] or "").strip()
    try:
        arguments = msgspec.json.decode(f"[{inner}]")
    except msgspec.DecodeError as error:
        raise InvalidInput(
            f"the arguments are not JSON: {error}", field="call", remedy='texts are quoted: "text"'
        ) from error
    return name, list(arguments)


class ScriptRunner:
    """Compiles Aqua and has peers run it, as an account of the caller's."""

    def __init__(self, wiring: Wiring, key: str | None = None) -> None:
        """`key` names the account in `keys/` that signs the requests."""
        self._wiring = wiring
        self._developer = DeveloperClient(wiring, key)

    def compile(
        self, path: Path | str, imports: Sequence[Path] = (), constants: Sequence[str] = ()
    ) -> CompiledAqua:
        """Compile a file. Raises AquaFailed with file, line and column; ConfigError."""
        compiler = find_compiler(self._wiring.home.root)
        return compile_aqua(Path(path), compiler, imports, constants)

    def run_aqua(
        self,
        path: Path | str,
        call: str,
        *,
        relay: int | None = None,
        deal: int | None = None,
        ttl_ms: int = TTL_MS,
        imports: Sequence[Path] = (),
        constants: Sequence[str] = (),
    ) -> ScriptRun:
        """Compile a file and run `function(arguments)` of it at the peer `relay`, or at one of
        `deal`.

        Raises AquaFailed, InvalidInput for arguments that do not fit, ScriptFailed's problem as
        MarketError, TimedOut.
        """
        name, given = parse_call(call)
        function = self.compile(path, imports, constants).find(name)
        return self.run(function, given, relay=relay, deal=deal, ttl_ms=ttl_ms)

    def run(
        self,
        function: AquaFunction,
        arguments: Any,
        *,
        relay: int | None = None,
        deal: int | None = None,
        ttl_ms: int = TTL_MS,
    ) -> ScriptRun:
        """Run a compiled function. Raises as `run_aqua`."""
        body = {
            "script": function.script,
            "arguments": function.interface.bind(arguments),
            "ttl_ms": ttl_ms,
        }
        peer = self._open(self._find_endpoint(relay, deal))
        answer = peer.send("POST", "/v1/scripts", value=body, signed=True).json()
        return ScriptRun(
            answer["particle"],
            answer["initiator"],
            answer["result"],
            answer["callbacks"],
            peer.url,
            answer["trail"],
        )

    def trace(self, run: ScriptRun) -> Iterator[TraceStep]:
        """Yield what all peers on the way say that they did, in order of time."""
        names = self._name_peers()
        steps: list[TraceStep] = []
        waiting, seen = [run.endpoint], set[str]()
        while waiting and len(seen) < MOST_HOPS:
            endpoint = waiting.pop(0)
            if endpoint in seen:
                continue
            seen.add(endpoint)
            try:
                view = self._open(endpoint).get(f"/v1/particles/{run.particle}")
            except MarketError as error:
                steps.append(TraceStep(0, endpoint, "trail", error.detail))
                continue
            signature = run.trail["signature"]
            for trail in (t for t in view["items"] if t["signature"] == signature):
                label = names.label(view["peer_id"])
                steps += _read_steps(trail, view["peer_id"], label, names.label)
                ways = (names.endpoint(sending["peer_id"]) for sending in trail["sent"])
                waiting += [way for way in ways if way]
        yield from sorted(steps, key=lambda step: step.at)

    def _open(self, endpoint: str) -> ServiceClient:
        return self._developer.open_peer(endpoint)

    def _find_endpoint(self, relay: int | None, deal: int | None) -> str:
        if (relay is None) == (deal is None):
            raise InvalidInput("say where: a relay or a deal", remedy="--relay PEER or --deal N")
        if relay is not None:
            return str(self._developer.matcher.get(f"/v1/peers/{relay}")["endpoint"])
        assert deal is not None
        for held in self._developer.deal(deal)["assignments"]:
            if held["state"] == "active" and held["endpoint"]:
                return str(held["endpoint"])
        raise NotFound(f"no peer serves deal {deal} now", field="deal")

    def _name_peers(self) -> "_PeerNames":
        rows = self._developer.matcher.get("/v1/peers", {"limit": 1_000})["items"]
        known = {to_peer_id(raw(parse_hash(row["key"]))): row for row in rows}
        return _PeerNames(
            {peer_id: f"peer {row['id']}" for peer_id, row in known.items()},
            {peer_id: row["endpoint"] for peer_id, row in known.items()},
        )


@dataclass(frozen=True, slots=True)
class _PeerNames:
    labels: dict[str, str]
    endpoints: dict[str, str]

    def label(self, peer_id: str) -> str:
        return self.labels.get(peer_id, f"{peer_id[:8]}…{peer_id[-6:]}")

    def endpoint(self, peer_id: str) -> str:
        return self.endpoints.get(peer_id, "")


def _read_steps(
    trail: dict[str, Any], host: str, label: str, name: Callable[[str], str]
) -> Iterator[TraceStep]:
    for call in trail["calls"]:
        who = label if call["peer_id"] == host else f"{label}, {name(call['peer_id'])}"
        deal = f" (deal {call['deal']})" if call["deal"] else ""
        yield TraceStep(
            call["at"],
            who,
            f"{call['service']}.{call['function']}{deal}",
            "ok" if call["code"] == 0 else f"error {call['code']}",
            call["duration_us"],
            call["receipt"] or "",
        )
    for sending in trail["sent"]:
        what = f"to {name(sending['peer_id'])}"
        yield TraceStep(sending["at"], label, what, sending["problem"] or "sent")
    for problem in trail["problems"]:
        yield TraceStep(trail["timestamp"] + trail["ttl"], label, "problem", problem)


def write_compiled(compiled: CompiledAqua, folder: Path) -> list[Path]:
    """Write each function's script to `NAME.air` and the interfaces to `interface.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for function in compiled.functions.values():
        path = folder / f"{function.name}.air"
        path.write_text(function.script + "\n", encoding="utf-8")
        paths.append(path)
    described = {
        name: dump_interface(found.interface) for name, found in compiled.functions.items()
    }
    path = folder / "interface.json"
    path.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    return [*paths, path]
