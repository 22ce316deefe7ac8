# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Signatures
@license Apache-2.0
@notice Compact signatures (EIP-2098) of typed data (EIP-712) by accounts with a key.
"""

HALF_ORDER: constant(uint256) = (
    57896044618658097711785492504343953926418782139537452191302581570759080747168
)
MASK_255: constant(uint256) = 2**255 - 1


@internal
@pure
def _is_signed(account: address, domain: bytes32, hash: bytes32, r: bytes32, vs: bytes32) -> bool:
    """
    @dev Check a signature.
    @param account Who must have signed; never the zero address, which is what a bad
           signature recovers to.
    @param domain The EIP-712 domain separator of Market.
    @param hash The EIP-712 struct hash of what was signed.
    @param r First half of the signature.
    @param vs Second half: parity bit, then s, which must be in the lower half of the order.
    @return Whether the account signed.
    """
    return account != empty(address) and self._signer(domain, hash, r, vs) == account


@internal
@pure
def _signer(domain: bytes32, hash: bytes32, r: bytes32, vs: bytes32) -> address:
    """
    @dev Recover who signed.
    @return The account, zero if the signature is none.
    """
    v: uint256 = 0
    s: uint256 = 0
    v, s = self._split(vs)
    if s > HALF_ORDER:
        return empty(address)
    return ecrecover(keccak256(concat(x"1901", domain, hash)), v, convert(r, uint256), s)


@internal
@pure
def _split(vs: bytes32) -> (uint256, uint256):
    """
    @dev Parity and s of a compact signature.
    """
    word: uint256 = convert(vs, uint256)
    return 27 + (word >> 255), word & MASK_255
