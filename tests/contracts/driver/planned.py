"""Deploy what the deployment plan says, from the committed creation code, on any chain."""

import time
from collections.abc import Callable, Mapping

from wasmarket.chain.deploying.plan import DeploymentPlan, load_creation_code
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.kernel.addresses import to_address, to_hash
from wasmarket.kernel.deployment import DeployedContract, Deployment, Token
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.units import Address, BlockNumber


def deploy_planned(
    rpc: Rpc,
    plan: DeploymentPlan,
    create: Callable[[bytes], Address],
    creation_code: Mapping[str, bytes] | None = None,
) -> Deployment:
    """Create the contracts of a plan; `create` sends creation code and waits for the contract.

    `creation_code`: by contract, the committed one where it has none.
    """
    block = rpc.fetch_head().number
    for creation in plan.creations:
        code = (creation_code or {}).get(creation.name) or load_creation_code(creation.name)
        assert create(code + encode_words(creation.arguments)) == creation.address
    return Deployment(
        chain_id=rpc.fetch_chain_id(),
        name="test",
        block=BlockNumber(block),
        contracts={
            name: DeployedContract(address, to_hash(keccak(rpc.fetch_code(address))))
            for name, address in plan.addresses.items()
        },
        usdc=Token(plan.usdc, 6),
        flt=Token(plan.flt, 18),
        parameters=plan.parameters,
    )


def create_from(rpc: Rpc, deployer: Address) -> Callable[[bytes], Address]:
    """Return a function that sends creation code from an unlocked account of an Anvil."""

    def create(code: bytes) -> Address:
        transaction = {"from": deployer, "data": "0x" + code.hex()}
        tx = rpc.request("eth_sendTransaction", [transaction])
        # Anvil answers before it has mined.
        while (receipt := rpc.request("eth_getTransactionReceipt", [tx])) is None:
            time.sleep(0.01)
        assert receipt["status"] == "0x1", "the deployment reverted"
        return to_address(bytes.fromhex(receipt["contractAddress"][2:]))

    return create


def encode_words(arguments: tuple[object, ...]) -> bytes:
    """Encode addresses and numbers as a constructor takes them."""
    numbers = [int(a, 16) if isinstance(a, str) else int(str(a)) for a in arguments]
    return b"".join(number.to_bytes(32, "big") for number in numbers)
