"""Sign permits (EIP-2612): Market may pull so much of an account's USDC, without a transaction."""

from dataclasses import dataclass

from wasmarket.chain.contracts.bindings import Erc20
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.signing.signatures import sign
from wasmarket.kernel.signing.typed_data import digest, hash_permit


@dataclass(frozen=True, slots=True)
class Permit:
    """A signed permit for Market. `value` in base units; good for one use of `nonce`."""

    value: int
    nonce: int
    deadline: int
    signature: str

    def to_json(self) -> dict[str, str]:
        """Return it as the matcher takes it; the nonce is the chain's."""
        return {
            "value": str(self.value),
            "deadline": str(self.deadline),
            "signature": self.signature,
        }


def sign_permit(
    account: Account, deployment: Deployment, usdc: Erc20, value: int, deadline: int
) -> Permit:
    """Sign a permit under the token's own domain. Raises Conflict if that is not known."""
    nonce = usdc.permit_nonce(account.address)
    struct = hash_permit(account.address, deployment.market, value, nonce, deadline)
    signature = sign(digest(usdc.permit_domain(deployment.chain_id), struct), account.key)
    return Permit(value, nonce, deadline, signature.to_hex())
