"""Write a closed epoch as a peer has it on its disk."""

from bench.peer.market import load_tests
from peer.duties.commitments import Commitments
from peer.folder import PeerFolder
from peer.receipts.chain_file import CallRecord
from wasmarket.kernel.documents.receipts import CallStatus

_state = load_tests("peer.test_peer_state")
_logs = load_tests("peer.receipt_logs")
PEER, DEAL, ASSIGNMENT, EPOCH, SECONDS = _state.PEER, 7, 9, 1, _logs.SECONDS
AT_ONCE = 4_096


def write_epoch(folder: PeerFolder, count: int) -> None:
    """Write `count` receipts of one assignment in one epoch, and close it."""
    log = _logs.open_log(folder)
    chain = log.open(ASSIGNMENT, DEAL)
    call = CallRecord(
        app=b"m" * 32,
        function=b"f" * 32,
        input=b"i" * 32,
        output=b"o" * 32,
        status=CallStatus.ANSWERED,
        fuel=30_000,
        size=40,
        duration_us=50,
        time=EPOCH * SECONDS,
    )
    for start in range(0, count, AT_ONCE):
        chain.append_all([call] * min(AT_ONCE, count - start))
        chain.flush()
    Commitments(folder.commitments, log, SECONDS).prepare(_state.chain_view(), EPOCH)
    log.close()
