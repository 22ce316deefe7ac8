# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Reasons
@license Apache-2.0
@notice Checks with a reason, at half the code of an `assert` with one.
@dev For the many checks of `match`, which would not fit under the code size limit otherwise.
"""

REASON_BYTES: constant(uint256) = 32


@internal
@pure
def _need(ok: bool, reason: String[REASON_BYTES]):
    """
    @dev Revert with `Error(string)`, as `assert ok, reason` does.
    """
    if not ok:
        raw_revert(abi_encode(reason, method_id=method_id("Error(string)")))
