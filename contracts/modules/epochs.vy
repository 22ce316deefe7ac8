# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Epochs
@license Apache-2.0
@notice The billing periods, and when their proofs can no longer change.
"""

MIN_EPOCH_SECONDS: constant(uint256) = 10
# Skipped time is a 16 bit fraction of the epoch.
FRACTION: constant(uint256) = 65_536
# Epochs after its end in which an epoch can be asked about, contradicted or accused of.
CHALLENGE: constant(uint256) = 7
# Epochs that a case can last.
CASE: constant(uint256) = 5
# Epochs after its end for which a record stays, so that it can be convicted.
HOLD: constant(uint256) = CHALLENGE + CASE

EPOCH_SECONDS: public(immutable(uint256))
# Epochs after its end in which an epoch's proof may still be committed.
PROOF_WINDOW: public(immutable(uint256))


@deploy
def __init__(epoch_seconds: uint256, proof_window: uint256):
    assert epoch_seconds >= MIN_EPOCH_SECONDS, "epochs: too short"
    assert proof_window >= 1, "epochs: no proof window"
    EPOCH_SECONDS = epoch_seconds
    PROOF_WINDOW = proof_window


@internal
@view
def _current() -> uint256:
    return block.timestamp // EPOCH_SECONDS


@internal
@view
def _skipped() -> uint256:
    """
    @dev Part of the current epoch that has passed, in 1/65,536, rounded down for the provider.
    """
    return (block.timestamp % EPOCH_SECONDS) * FRACTION // EPOCH_SECONDS


@internal
@view
def _is_final(epoch: uint256, current: uint256) -> bool:
    return epoch + PROOF_WINDOW < current
