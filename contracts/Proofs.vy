# pragma version 0.4.3
# pragma optimize codesize
# pragma nonreentrancy on
"""
@title Proofs
@license Apache-2.0
@notice One bit for each peer and epoch: whether the peer committed to what it ran; and the last
        roots that it committed to.
@dev Market reads `proven` while it is locked, so `proven` must read nothing of Market. The bits of
     peer 0 are the pulse: anybody may set them, to show that the chain took commitments.
@custom:kill Nothing to switch off: there is no owner and no money.
"""

from .interfaces import IMarket
from .interfaces import IProofs

implements: IProofs

from .modules import epochs

initializes: epochs
exports: epochs.EPOCH_SECONDS

MAX_COMMITMENTS: constant(uint256) = 64
# Epochs for which a root is kept.
RING: constant(uint256) = 16
PULSE: constant(uint256) = 0
MAX_WORDS: constant(uint256) = 5
WORD_BITS: constant(uint256) = 256

# Masks of the popcount: every second bit, pair of bits, half byte; one bit in each byte.
BITS: constant(uint256) = max_value(uint256) // 3
PAIRS: constant(uint256) = max_value(uint256) // 5
HALVES: constant(uint256) = max_value(uint256) // 17
BYTES: constant(uint256) = (2**128 - 1) // 255
MASK_128: constant(uint256) = 2**128 - 1

MARKET: public(immutable(IMarket))

_bits: HashMap[uint256, HashMap[uint256, uint256]]
_roots: HashMap[uint256, HashMap[uint256, bytes32]]


@deploy
def __init__(market: address, epoch_seconds: uint256, window: uint256):
    """
    @notice Fix the market, the epochs and the window for ever.
    @param market The contract that knows the wallets of the peers.
    @param epoch_seconds Length of a billing period, as in Market.
    @param window Epochs after its end in which an epoch can be proven, as in Market.
    """
    epochs.__init__(epoch_seconds, window)
    MARKET = IMarket(market)


@external
def commit(epoch: uint256, commitments: DynArray[IProofs.Commitment, MAX_COMMITMENTS]):
    """
    @notice Prove an epoch for peers whose wallet you are, or for peer 0. The first root stands:
            repeating is safe and changes nothing.
    @param epoch An epoch that is over, at most the window ago.
    @param commitments Peers with the roots of their receipts of that epoch; peer 0 has none.
    """
    current: uint256 = epochs._current()
    assert epoch < current, "proofs: epoch not over"
    assert not epochs._is_final(epoch, current), "proofs: epoch final"
    bit: uint256 = 1 << (epoch % WORD_BITS)
    for commitment: IProofs.Commitment in commitments:
        peer: uint256 = commitment.peer
        root: bytes32 = empty(bytes32)
        if peer != PULSE:
            assert staticcall MARKET.wallet_of(peer) == msg.sender, "proofs: not the wallet"
            root = commitment.root
        word: uint256 = self._bits[peer][epoch // WORD_BITS]
        if word & bit == 0:
            self._bits[peer][epoch // WORD_BITS] = word | bit
            if peer != PULSE:
                self._roots[peer][epoch % RING] = root
            log IProofs.Committed(peer=peer, epoch=epoch, root=root)


# NOTE: no lock, for it would cost each claim 100 gas: a read of bits that are only ever set.
@external
@view
@reentrant
def proven(peer: uint256, first: uint256, last: uint256) -> (uint256, bool):
    """
    @notice Count the proven epochs of a peer; at most five words of 256 epochs are read.
    @param peer The peer.
    @param first First epoch of the range.
    @param last Last epoch of the range, included.
    @return How many are proven, and whether the first one is.
    """
    if first > last:
        return 0, False
    low: uint256 = first // WORD_BITS
    high: uint256 = last // WORD_BITS
    offset: uint256 = first % WORD_BITS
    beyond: uint256 = WORD_BITS - 1 - last % WORD_BITS
    word: uint256 = self._bits[peer][low] >> offset
    first_is_proven: bool = word & 1 != 0
    if low == high:
        # The bits past `last` leave on the left.
        return self._popcount(word << (offset + beyond)), first_is_proven
    count: uint256 = self._popcount(word)
    for index: uint256 in range(low + 1, high, bound=MAX_WORDS - 2):
        count += self._popcount(self._bits[peer][index])
    count += self._popcount(self._bits[peer][high] << beyond)
    return count, first_is_proven


@external
@view
def is_proven(peer: uint256, epoch: uint256) -> bool:
    """
    @notice Read one bit.
    @param peer The peer.
    @param epoch The epoch.
    @return Whether the peer committed to that epoch.
    """
    return self._is_proven(peer, epoch)


@external
@view
def root_of(peer: uint256, epoch: uint256) -> bytes32:
    """
    @notice Read the root of one of the last 16 epochs.
    @param peer The peer.
    @param epoch The epoch.
    @return What the peer committed to, zero if it did not or the epoch is too old.
    """
    current: uint256 = epochs._current()
    if epoch >= current or epoch + RING < current or not self._is_proven(peer, epoch):
        return empty(bytes32)
    return self._roots[peer][epoch % RING]


@external
@view
def WINDOW() -> uint256:
    """
    @notice Read how long an epoch can be proven.
    @return Epochs after its end.
    """
    return epochs.PROOF_WINDOW


@internal
@view
def _is_proven(peer: uint256, epoch: uint256) -> bool:
    return (self._bits[peer][epoch // WORD_BITS] >> (epoch % WORD_BITS)) & 1 != 0


@internal
@pure
def _popcount(word: uint256) -> uint256:
    """
    @dev Count the set bits. The halves are summed apart, because 256 does not fit into the one
         byte that the multiplication leaves. No step can overflow.
    """
    sums: uint256 = unsafe_sub(word, (word >> 1) & BITS)
    sums = unsafe_add(sums & PAIRS, (sums >> 2) & PAIRS)
    sums = unsafe_add(sums, sums >> 4) & HALVES
    return unsafe_add(
        unsafe_mul(sums & MASK_128, BYTES) >> 120 & 255,
        unsafe_mul(sums >> 128, BYTES) >> 120 & 255,
    )
