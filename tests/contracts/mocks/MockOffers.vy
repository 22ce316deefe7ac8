# pragma version 0.4.3
"""
@title Mock offers
@license Apache-2.0
@notice Opens the check of signatures, so that it can be tried with numbers that no wallet makes.
"""

from contracts.modules import offers


@external
@view
def is_signed(account: address, domain: bytes32, hash: bytes32, r: bytes32, vs: bytes32) -> bool:
    return offers._is_signed(account, domain, hash, r, vs)
