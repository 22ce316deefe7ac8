"""Find and run built-ins by name, and say why others are not offered."""

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from peer.choreography.avm import ServiceAnswer
from peer.choreography.builtins.network import BuiltinCall, NetworkBuiltins
from peer.choreography.builtins.stat import StatBuiltins
from peer.choreography.builtins.values import build_value_functions, to_json_text
from peer.choreography.builtins.vault import build_vault_functions
from peer.choreography.vaults.vaults import ParticleVaults
from wasmarket.kernel.errors import MarketError

logger = logging.getLogger(__name__)

FAILED: Final = 1
_APPS: Final = "what a deal runs is its app: `wasmarket deploy` and `wasmarket update` change it"
REFUSED: Final = {
    "srv": _APPS,
    "dist": _APPS,
    "worker": "workers come and go with the assignments of deals on chain",
    "spell": "functions are started by triggers of their app",
    "vm": "peers run no virtual machines",
    "script": "it is gone from Fluence's peers too",
    "sig": "the keys of peers and workers sign what AquaVM did, and nothing else",
    "stat": "",
    "vault": "",
    "peer": "",
    "kad": "",
    "subnet": "",
    "op": "",
    "math": "",
    "cmp": "",
    "array": "",
    "json": "",
    "debug": "",
    "run-console": "",
}
"""Services whose other functions are answered with an error, and why."""

RunBuiltin = Callable[[BuiltinCall], ServiceAnswer | Awaitable[ServiceAnswer]]


def fail(text: str) -> ServiceAnswer:
    """Return the answer of a call that failed."""
    return ServiceAnswer(FAILED, text)


class Builtins:
    """All built-ins of a peer."""

    def __init__(
        self, network: NetworkBuiltins, vaults: ParticleVaults, stat: StatBuiltins
    ) -> None:
        self._values = build_value_functions()
        self._contextual = (
            network.build()
            | build_vault_functions(vaults)
            | stat.build()
            | {("run-console", "print"): _print}
        )

    def find(self, service: str, function: str) -> RunBuiltin | None:
        """Return what answers a call, None if the service is no built-in."""
        if service not in REFUSED:
            return None
        key = (service, function)
        pure = self._values.get(key)
        if pure is not None:
            return lambda call: _settle(call, lambda: pure(call.request.arguments))
        contextual = self._contextual.get(key)
        if contextual is not None:
            return lambda call: _settle(call, lambda: contextual(call))
        return lambda call: fail(_explain(service, function))


def _explain(service: str, function: str) -> str:
    why = REFUSED[service]
    text = f"{service}.{function} is no function of this peer"
    return f"{text}: {why}" if why else text


def _settle(call: BuiltinCall, work: Callable[[], Any]) -> ServiceAnswer | Awaitable[ServiceAnswer]:
    try:
        value = work()
    except (MarketError, ArithmeticError, ValueError, TypeError, RecursionError) as error:
        return _describe(call, error)
    return _await(call, value) if inspect.isawaitable(value) else ServiceAnswer(0, value)


async def _await(call: BuiltinCall, value: Awaitable[Any]) -> ServiceAnswer:
    try:
        return ServiceAnswer(0, await value)
    except MarketError as error:
        return _describe(call, error)


def _describe(call: BuiltinCall, error: Exception) -> ServiceAnswer:
    return fail(f"{call.request.service}.{call.request.function}: {str(error)[:500]}")


def _print(call: BuiltinCall) -> dict[str, Any]:
    text = " ".join(
        value if isinstance(value, str) else to_json_text(value) for value in call.request.arguments
    )
    particle = call.live.particle.id
    logger.info("run-console", extra={"particle": particle, "printed": text[:1_000]})
    return {}
