"""Built-ins that write and read the files of a particle."""

from peer.choreography.builtins.arguments import typed
from peer.choreography.builtins.network import BuiltinCall, Contextual
from peer.choreography.vaults.vaults import ParticleVaults


def build_vault_functions(vaults: ParticleVaults) -> dict[tuple[str, str], Contextual]:
    """Return the functions by service and name."""

    async def put(call: BuiltinCall) -> str:
        [text] = typed("string", lambda *given: given)(call.request.arguments)
        return await vaults.put(call.live, call.identity, text)

    async def cat(call: BuiltinCall) -> str:
        [path] = typed("string", lambda *given: given)(call.request.arguments)
        return await vaults.cat(call.live, call.identity, path)

    return {("vault", "put"): put, ("vault", "cat"): cat}
