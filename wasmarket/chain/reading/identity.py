"""Make sure that a node is of the deployment's chain, before anything that it says is believed."""

from wasmarket.chain.reading.blocks import Reader
from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.errors import WrongChain
from wasmarket.kernel.hashing import keccak


def check_identity(reader: Reader, deployment: Deployment) -> None:
    """Check chain id and code. Raises WrongChain that says what is different."""
    chain_id = reader.fetch_chain_id()
    if chain_id != deployment.chain_id:
        raise WrongChain(
            f"{reader.origin} is chain {chain_id}, "
            f"the deployment {deployment.name!r} is on chain {deployment.chain_id}",
            field="chain.rpc",
            remedy="set the RPC URL of that chain, or choose another deployment file",
        )
    for name, entry in deployment.contracts.items():
        code = reader.fetch_code(entry.address)
        if to_hash(keccak(code)) != entry.code_hash:
            found = "other code" if code else "no contract"
            raise WrongChain(
                f"{reader.origin} has {found} at {entry.address}, where {name} should be",
                field="chain.deployment",
                remedy="another Anvil may be running on this port, or the chain was reset: "
                "stop it, or deploy again (`ape run deploy`)",
            )
