"""Built-ins that tell of peers, workers and deals, or wait."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature as BadSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from peer.choreography.avm import ServiceRequest
from peer.choreography.avm_file import VERSION
from peer.choreography.builtins.arguments import option, typed
from peer.choreography.caps import now_ms
from peer.choreography.directory import PeerDirectory, distance_point
from peer.choreography.identities import Identities, OwnIdentity
from peer.choreography.live import LiveParticle
from peer.hosting.host import Host
from wasmarket.kernel.documents.particles import parse_peer_id
from wasmarket.kernel.errors import InvalidInput, MarketError, NotFound
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.multibase import decode_base58

NEIGHBOURS: Final = 20
MOST_NEIGHBOURS: Final = 200
OWN: Final = "own"


@dataclass(frozen=True, slots=True)
class BuiltinCall:
    """A built-in being called: for which particle, as whom, with what."""

    live: LiveParticle
    identity: OwnIdentity
    request: ServiceRequest


Contextual = Callable[[BuiltinCall], Any | Awaitable[Any]]


class NetworkBuiltins:
    """Functions that depend on where they run."""

    def __init__(
        self,
        identities: Identities,
        directory: PeerDirectory,
        host: Host,
        *,
        version: str,
        addresses: Callable[[], list[str]],
        is_connected: Callable[[str], bool],
    ) -> None:
        """`addresses` are this peer's multiaddrs; `is_connected` knows the clients at the edge."""
        self._identities = identities
        self._directory = directory
        self._host = host
        self._version = version
        self._addresses = addresses
        self._is_connected = is_connected

    def build(self) -> dict[tuple[str, str], Contextual]:
        """Return the functions by service and name."""
        plain: dict[tuple[str, str], tuple[str, Callable[..., Any]]] = {
            ("peer", "identify"): ("", self._identify),
            ("peer", "timestamp_ms"): ("", now_ms),
            ("peer", "timestamp_sec"): ("", lambda: int(time.time())),
            ("peer", "is_connected"): ("string", self._knows),
            ("peer", "connect"): ("string, ?any", lambda peer, _=None: self._knows(peer)),
            ("peer", "get_contact"): ("string", self._get_contact),
            ("kad", "neighborhood"): ("string, ?bool, ?u32", self._neighbourhood),
            ("kad", "neigh_with_addrs"): ("string, ?bool, ?u32", self._contacts),
            ("kad", "merge"): ("string, [string], [string], ?u32", _merge),
            ("worker", "get_worker_id"): ("any", self._get_worker_id),
            ("worker", "list"): ("", lambda: [w.peer_id for w in self._identities.workers]),
            ("worker", "is_active"): ("any", self._is_active),
        }
        functions = {name: _ignore_context(kinds, do) for name, (kinds, do) in plain.items()}
        return functions | {
            ("peer", "timeout"): _timeout,
            ("subnet", "resolve"): self._resolve,
            ("sig", "verify"): _verify,
            ("sig", "get_peer_id"): lambda call: call.identity.peer_id,
            ("srv", "list"): self._list_services,
            ("srv", "info"): self._info,
            ("srv", "resolve_alias"): lambda call: self._info(call)["id"],
            ("srv", "resolve_alias_opt"): self._resolve_alias_opt,
            ("srv", "get_interface"): self._get_interface,
        }

    def _identify(self) -> dict[str, Any]:
        return {
            "external_addresses": self._addresses(),
            "node_version": f"wasmarket-{self._version}",
            "air_version": VERSION,
            "spell_version": "",
            "allowed_binaries": [],
        }

    def _knows(self, peer_id: str) -> bool:
        return self._is_connected(peer_id) or bool(self._directory.endpoints_of(peer_id))

    def _get_contact(self, peer_id: str) -> list[dict[str, Any]]:
        endpoints = self._directory.endpoints_of(peer_id)
        return [{"peer_id": peer_id, "addresses": endpoints}] if endpoints else []

    def _neighbourhood(self, key: str, hashed: Any = None, count: Any = None) -> list[str]:
        data = decode_base58(key)
        if option(hashed) is True:
            if len(data) < 32:
                raise InvalidInput("a hash has 32 bytes")
            target = data[-32:]
        else:
            target = sha256(data)
        wanted = option(count)
        return self._directory.neighbours(
            target, NEIGHBOURS if wanted is None else min(wanted, MOST_NEIGHBOURS)
        )

    def _contacts(self, *arguments: Any) -> list[dict[str, Any]]:
        found = self._neighbourhood(*arguments)
        return [contact for peer_id in found for contact in self._get_contact(peer_id)]

    async def _resolve(self, call: BuiltinCall) -> dict[str, Any]:
        [given] = typed("any", lambda given: [given])(call.request.arguments)
        deal = self._find_own_deal(call) if given == OWN else _to_deal(given)
        try:
            workers = await self._directory.workers_of(deal)
            if not workers:
                raise NotFound(f"no peer serves deal {deal} now")
        except MarketError as error:
            return {"success": False, "error": [error.detail], "workers": []}
        return {
            "success": True,
            "error": [],
            "workers": [
                {
                    "pat_id": str(worker.assignment),
                    "host_id": worker.host_id,
                    "worker_id": [worker.worker_id] if worker.worker_id else [],
                }
                for worker in workers
            ],
        }

    def _find_own_deal(self, call: BuiltinCall) -> int:
        """Return the deal of the worker that is asked, on a host that of the flow that asks.

        Raises InvalidInput.
        """
        asking = self._identities.find(call.live.particle.init_peer_id)
        deal = call.identity.deal or (0 if asking is None else asking.deal)
        if not deal:
            raise InvalidInput(
                f'"{OWN}" is the deal of a worker, or of a flow at the peer that began it',
                remedy="name the deal by its number",
            )
        return deal

    def _get_worker_id(self, deal: Any) -> list[str]:
        number = _to_deal(deal)
        return [w.peer_id for w in self._identities.workers if w.deal == number][:1]

    def _is_active(self, deal: Any) -> bool:
        if isinstance(deal, str) and not deal.isdecimal():
            return any(w.peer_id == deal for w in self._identities.workers)
        return bool(self._get_worker_id(deal))

    def _list_services(self, call: BuiltinCall) -> list[dict[str, Any]]:
        if not call.identity.assignment:
            return []
        names = self._host.find(call.identity.deal).pick().workers.pool.services
        return [self._describe(call.identity, name) for name in names]

    def _info(self, call: BuiltinCall) -> dict[str, Any]:
        [name] = typed("string", lambda name: [name])(call.request.arguments)
        for service in self._list_services(call):
            if service["id"] == name:
                return service
        raise NotFound(f"there is no service {name} here")

    def _resolve_alias_opt(self, call: BuiltinCall) -> list[str]:
        try:
            return [self._info(call)["id"]]
        except NotFound:
            return []

    def _get_interface(self, call: BuiltinCall) -> dict[str, Any]:
        name = self._info(call)["id"]
        run = self._host.find(call.identity.deal).pick()
        found = run.workers.pool.interface(name)
        functions: Any = found["functions"]
        return {
            "function_signatures": [
                {
                    "name": function["name"],
                    "arguments": [[a["name"], a["type"]] for a in function["arguments"]],
                    "output_types": [function["output"]] if function["output"] else [],
                }
                for function in functions
            ],
            "record_types": found["records"],
        }

    def _describe(self, identity: OwnIdentity, name: str) -> dict[str, Any]:
        hosted = self._host.find(identity.deal)
        return {
            "id": name,
            "blueprint_id": hosted.deal.app,
            "service_type": "service",
            "owner_id": hosted.deal.developer,
            "aliases": [name],
            "worker_id": identity.peer_id,
        }


def _ignore_context(kinds: str, function: Callable[..., Any]) -> Contextual:
    check = typed(kinds, function)
    return lambda call: check(call.request.arguments)


def _to_deal(value: Any) -> int:
    if isinstance(value, str) and value.isdecimal() and len(value) < 20:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise InvalidInput("a deal is named by its number", remedy='give it as "7" or 7')


async def _timeout(call: BuiltinCall) -> str:
    milliseconds, text = typed("u64, string", lambda *both: both)(call.request.arguments)
    left = max(0, call.live.particle.expires - now_ms())
    await asyncio.sleep(min(milliseconds, left) / 1_000)
    return str(text)


def _verify(call: BuiltinCall) -> bool:
    arguments = call.request.arguments
    signature, data, *signer = typed("[byte], [byte], ?string", lambda *all_: all_)(arguments)
    peer_id = signer[0] if signer and isinstance(signer[0], str) else call.identity.peer_id
    try:
        key = Ed25519PublicKey.from_public_bytes(parse_peer_id(peer_id))
        key.verify(bytes(signature), bytes(data))
    except (BadSignature, ValueError):
        return False
    return True


def _merge(target: str, one: list[str], other: list[str], count: Any = None) -> list[str]:
    point = int.from_bytes(sha256(decode_base58(target)), "big")
    both = list(dict.fromkeys(one + other))
    nearest = sorted(both, key=lambda peer_id: distance_point(peer_id) ^ point)
    return nearest[: NEIGHBOURS if option(count) is None else option(count)]
