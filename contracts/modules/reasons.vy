# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Reasons
@license Apache-2.0
@notice The numbers of the reasons that Market reports, and checks that revert with a text.
@dev `_need` takes half the code of an `assert` with a reason. It is for the many checks of
     `match`, which would not fit under the code size limit otherwise.
"""

# Why `match` skips a fill, in the order of the checks; KIND comes after NO_PEER.
NO_PEER: constant(uint256) = 1
PRICE: constant(uint256) = 2
EXPIRED: constant(uint256) = 3
COUNTER: constant(uint256) = 4
PRIVATE: constant(uint256) = 5
MEMORY: constant(uint256) = 6
REGION: constant(uint256) = 7
TRAITS: constant(uint256) = 8
PROVIDER_LIST: constant(uint256) = 9
DEAL_FULL: constant(uint256) = 10
NO_UNITS: constant(uint256) = 11
CANCELLED: constant(uint256) = 12
SIGNATURE: constant(uint256) = 13
KIND: constant(uint256) = 14

# Why a batch skips an assignment or a voucher.
NOT_PENDING: constant(uint256) = 20
NOT_WALLET: constant(uint256) = 21
UNFUNDED: constant(uint256) = 22
ENDED: constant(uint256) = 30
ALIVE: constant(uint256) = 31
DEAD: constant(uint256) = 32
NOT_DEVELOPER: constant(uint256) = 33
NO_FAULT: constant(uint256) = 34
NOTHING_TO_CLAIM: constant(uint256) = 40
NOTHING_FINAL: constant(uint256) = 41
NOT_METERED: constant(uint256) = 42
VOUCHER: constant(uint256) = 43
NOTHING_DUE: constant(uint256) = 44
NO_BALANCE: constant(uint256) = 45

REASON_BYTES: constant(uint256) = 32


@internal
@pure
def _need(ok: bool, reason: String[REASON_BYTES]):
    """
    @dev Revert with `Error(string)`, as `assert ok, reason` does.
    """
    if not ok:
        raw_revert(abi_encode(reason, method_id=method_id("Error(string)")))
