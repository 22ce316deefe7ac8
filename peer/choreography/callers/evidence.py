"""Read what a finished script left: AquaVM checks every signature, and the way by the script."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from peer.choreography.avm import Avm, Turn
from peer.runtime.workers.spawner import WorkerSpawner
from wasmarket.kernel.documents.particles import Particle, to_peer_id

MOST_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class ExecutedCall:
    """A call whose peer signed that it gave `value`, in JSON."""

    peer_id: str
    service: str
    function: str
    value: str


@dataclass(frozen=True, slots=True)
class ScriptEvidence:
    """`problem` is empty if all signatures fit and the trace obeys the script to its end."""

    problem: str
    calls: tuple[ExecutedCall, ...] = ()


async def examine(module: Path, cache: Path, particle: Particle) -> ScriptEvidence:
    """Check a particle's data as a peer does that it comes to, though nobody is asked to do more.

    Raises AvmFailed if AquaVM does not survive it.
    """
    spawner = WorkerSpawner()
    avm = Avm(module, cache, units=1, idle_seconds=60, spawner=spawner, particle_bytes=MOST_BYTES)
    avm.start()
    try:
        key = Ed25519PrivateKey.from_private_bytes(secrets.token_bytes(32))
        nobody = to_peer_id(key.public_key().public_bytes_raw())
        turn = await avm.invoke(particle, nobody, key.private_bytes_raw(), b"", particle.data, {})
        problem = _judge(turn)
        if problem:
            return ScriptEvidence(problem)
        return ScriptEvidence("", tuple(_read_calls(await avm.describe(particle.data))))
    finally:
        await avm.stop()
        await spawner.close()


def _judge(turn: Turn) -> str:
    if not turn.is_good:
        return f"AquaVM refuses the data ({turn.code}): {turn.problem}"
    if turn.code:
        return f"the script ended with an error: {turn.problem}"
    if turn.next_peers:
        return f"the script is not over: its next step is at {', '.join(turn.next_peers)}"
    return ""


def _read_calls(data: dict[str, Any]) -> list[ExecutedCall]:
    stores = data["cid_info"]
    results, tetraplets = stores["service_result_store"], stores["tetraplet_store"]
    calls = []
    for state in data["trace"]:
        executed = state.get("call", {}).get("executed") if isinstance(state, dict) else None
        for cid in _list_cids(executed):
            found = results.get(cid)
            if found is None:
                continue
            place = tetraplets[found["tetraplet_cid"]]
            value = stores["value_store"].get(found["value_cid"], "null")
            calls.append(
                ExecutedCall(place["peer_pk"], place["service_id"], place["function_name"], value)
            )
    return calls


def _list_cids(executed: Any) -> list[str]:
    """Return the results' CIDs of a state: a scalar, a stream with its generation, or unused."""
    if not isinstance(executed, dict):
        return []
    found = [executed.get("scalar"), executed.get("unused")]
    stream = executed.get("stream")
    if isinstance(stream, dict):
        found.append(stream.get("cid"))
    return [cid for cid in found if isinstance(cid, str)]
