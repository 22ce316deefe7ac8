"""Built-ins that tell what the services of a deal use: how often called, how long, what memory."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Final

from peer.choreography.builtins.arguments import typed
from peer.choreography.builtins.network import BuiltinCall, Contextual
from peer.choreography.calls.deal_access import DealAccess
from peer.hosting.function_tally import FunctionTally
from peer.hosting.host import Host
from peer.runtime.module.module_file import read_modules
from peer.runtime.module.service import COMPONENT_ABI, ServiceSpec
from peer.runtime.wasm.sections import read_outline
from wasmarket.kernel.documents.receipts import function_hash
from wasmarket.kernel.errors import InvalidInput, NotFound

MICROSECONDS: Final = 1e6


class StatBuiltins:
    """Functions for whoever may call the deal; they are of its worker."""

    def __init__(self, host: Host, access: DealAccess) -> None:
        self._host = host
        self._access = access

    def build(self) -> dict[tuple[str, str], Contextual]:
        """Return the functions by service and name."""
        return {
            ("stat", "service_memory"): self._read_memory,
            ("stat", "service_stat"): self._read_stat,
        }

    async def _find(self, call: BuiltinCall) -> ServiceSpec:
        """Raises InvalidInput, NotFound, Forbidden."""
        [name] = typed("string", lambda name: [name])(call.request.arguments)
        if not call.identity.assignment:
            raise InvalidInput(
                "services are a worker's: ask on it, `on worker via host`", field="service"
            )
        hosted = self._host.find(call.identity.deal)
        await self._access.check(hosted, call.live.particle.init_peer_id)
        for spec in hosted.pick().workers.version.specs:
            if spec.name == name:
                return spec
        raise NotFound(f"there is no service {name:.80} here")

    async def _read_memory(self, call: BuiltinCall) -> list[dict[str, Any]]:
        """What each module begins with and may reach: most instances live for one call only."""
        spec = await self._find(call)
        if spec.abi == COMPONENT_ABI:
            # Its parts share what the service may have, and each begins with its own.
            sizes: Sequence[int] = [0]
        else:
            sizes = await asyncio.to_thread(_read_sizes, spec)
        return [
            {
                "name": module.name,
                "memory_size_bytes": size,
                "max_memory_size_bytes": spec.get_memory_limit(module),
            }
            for module, size in zip(spec.modules, sizes, strict=True)
        ]

    async def _read_stat(self, call: BuiltinCall) -> dict[str, Any]:
        spec = await self._find(call)
        hosted = self._host.find(call.identity.deal)
        functions = hosted.pick().workers.pool.get_interface(spec.name).functions
        tallies = {
            name: tally
            for name in functions
            if (tally := hosted.tally.functions.get(function_hash(spec.name, name)))
        }
        if not tallies:
            error = f"service {spec.name} has had no call since this peer started"
            return {"status": False, "error": error, "result": []}
        found = {
            "total_stats": _describe(tallies.values()),
            "functions_stats": [
                {"name": name, "stats": _describe([tally])} for name, tally in tallies.items()
            ],
        }
        return {"status": True, "error": "", "result": [found]}


def _read_sizes(spec: ServiceSpec) -> list[int]:
    """Return the bytes with which the memory of each module begins. Raises ContentNotFound."""
    return [read_outline(wasm).memory_bytes for wasm in read_modules(spec)]


def _describe(tallies: Iterable[FunctionTally]) -> dict[str, Any]:
    """Return what Fluence's peers tell; how instances grow is not known, as they do not stay."""
    given = list(tallies)
    answered = sum(tally.answered for tally in given)
    seconds = sum(tally.duration_us for tally in given) / MICROSECONDS
    newest = [took / MICROSECONDS for tally in given for took in tally.newest_us]
    return {
        "success_req_count": answered,
        "failed_req_count": sum(tally.failed for tally in given),
        "memory_deltas_bytes": {"series": [], "total": 0.0, "avg": 0.0},
        "call_time_sec": {
            "series": newest,
            "total": seconds,
            "avg": seconds / answered if answered else 0.0,
        },
        "timestamps": sorted(at for tally in given for at in tally.newest_at),
    }
