# pragma version 0.4.3
"""
@title Mock signatures
@license Apache-2.0
@notice Opens the check of signatures, so that it can be tried with numbers that no wallet makes.
"""

from contracts.modules import signatures


@external
@view
def is_signed(account: address, domain: bytes32, hash: bytes32, r: bytes32, vs: bytes32) -> bool:
    return signatures._is_signed(account, domain, hash, r, vs)
