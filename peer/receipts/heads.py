"""Sign heads with the peer's wallet: never two of one number, never one that may be lost."""

from collections.abc import Callable

from peer.receipts.chain_file import ReceiptChain
from peer.receipts.epoch_files import ChainHead
from peer.receipts.high_water import HighWater
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.errors import Unreachable
from wasmarket.kernel.signing.heads import SignedHead
from wasmarket.kernel.signing.typed_data import Domain
from wasmarket.kernel.signing.usage import ReceiptHead, sign_head


class ReceiptsBehind(Unreachable):
    """Receipts that were promised are not here"""

    slug = "receipts-behind"


class HeadSigner:
    """Signs for one peer; the same head gives the same signature at any time. Thread-safe."""

    def __init__(self, domain: Domain, wallet: Account, marks: HighWater) -> None:
        self._domain = domain
        self._wallet = wallet
        self._marks = marks
        self.find_obstacle: Callable[[int], str] = lambda assignment: ""
        """Says why nothing is to be signed for an assignment, empty if it may be."""

    def check(self, chain: ReceiptChain) -> str:
        """Return why a chain that was opened must not go on; empty if it may.

        It must hold the newest receipt that was ever signed of it.
        """
        mark = self._marks.find(chain.assignment)
        if mark is None or chain.find(mark.sequence) == mark or chain.is_pruned(mark.sequence):
            return ""
        return (
            f"receipt {mark.sequence} of assignment {chain.assignment} was signed and is not here "
            "as it was: an older backup, a damaged disk, or a match that the chain took back"
        )

    def sign(self, chain: ReceiptChain, head: ChainHead) -> SignedHead:
        """Make a receipt durable, remember that it was signed, and return it signed.

        Raises ReceiptsBehind if the chain may not go on, OSError.
        """
        obstacle = chain.problem or self.find_obstacle(chain.assignment)
        if obstacle:
            raise ReceiptsBehind(obstacle, remedy="call another peer of the deal")
        chain.flush()
        self._marks.raise_to(chain.assignment, head)
        signed = ReceiptHead(chain.assignment, head.sequence, head.hash)
        return SignedHead(signed, sign_head(self._domain, signed, self._wallet.key))

    def close(self) -> None:
        """Let go of the files."""
        self._marks.close()
