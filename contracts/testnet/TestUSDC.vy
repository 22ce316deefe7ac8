# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Test USDC
@license Apache-2.0
@notice Stands in for USDC on test networks, with permits (EIP-2612); the faucet mints it.
@custom:kill Not possible and not needed: the token is worth nothing.
"""

from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed
from ..interfaces import ITestToken

implements: IERC20
implements: IERC20Detailed
implements: ITestToken

from ..modules import erc20

initializes: erc20
exports: (
    erc20.allowance,
    erc20.approve,
    erc20.balanceOf,
    erc20.decimals,
    erc20.mint,
    erc20.minter,
    erc20.name,
    erc20.symbol,
    erc20.totalSupply,
    erc20.transfer,
    erc20.transferFrom,
)

DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
PERMIT_TYPEHASH: constant(bytes32) = keccak256(
    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
)
VERSION: constant(String[1]) = "1"
HALF_ORDER: constant(uint256) = (
    57896044618658097711785492504343953926418782139537452191302581570759080747168
)

nonces: public(HashMap[address, uint256])


@deploy
def __init__(minter: address):
    """
    @notice Fix the minter for ever.
    @param minter The faucet, deployed later at this address.
    """
    erc20.__init__("Test USDC", "tUSDC", 6, minter)


@external
def permit(
    owner: address,
    spender: address,
    amount: uint256,
    deadline: uint256,
    v: uint8,
    r: bytes32,
    s: bytes32,
):
    """
    @notice Set an allowance by a signature of the owner (EIP-2612).
    @param owner Who signed.
    @param spender Who is allowed.
    @param amount Base units, instead of what was allowed before.
    @param deadline Last second at which the signature counts.
    @param v Recovery id, 27 or 28.
    @param r First half of the signature.
    @param s Second half of it, in the lower half of the order.
    """
    assert block.timestamp <= deadline, "permit: expired"
    assert owner != empty(address), "permit: no owner"
    assert convert(s, uint256) <= HALF_ORDER, "permit: bad signature"
    nonce: uint256 = self.nonces[owner]
    self.nonces[owner] = nonce + 1
    hash: bytes32 = keccak256(abi_encode(PERMIT_TYPEHASH, owner, spender, amount, nonce, deadline))
    digest: bytes32 = keccak256(concat(x"1901", self._domain(), hash))
    assert ecrecover(digest, v, r, s) == owner, "permit: bad signature"
    erc20._approve(owner, spender, amount)


@external
@view
def version() -> String[1]:
    """
    @notice Read the version of the EIP-712 domain that permits are signed for.
    @return Always 1.
    """
    return VERSION


@external
@view
def DOMAIN_SEPARATOR() -> bytes32:
    """
    @notice Read the EIP-712 domain separator that permits are signed for.
    @return The separator on the current chain id.
    """
    return self._domain()


@internal
@view
def _domain() -> bytes32:
    return keccak256(
        abi_encode(DOMAIN_TYPEHASH, keccak256(erc20.name), keccak256(VERSION), chain.id, self)
    )
