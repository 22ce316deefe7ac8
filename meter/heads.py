"""Keep what peers' wallets signed, with the receipts, so that neither can be denied later."""

from collections.abc import Callable, Sequence

from meter.chain.facts import ChainFacts, KnownAssignment
from meter.journal import Journal
from wasmarket.kernel.audits.evidence import split_words
from wasmarket.kernel.documents.receipts import receipt_hash
from wasmarket.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from wasmarket.kernel.signing.heads import SignedHead, dump_head, parse_head
from wasmarket.kernel.signing.typed_data import Domain
from wasmarket.kernel.signing.usage import signer_of_head

FetchReceipt = Callable[[str, int, int, int, int], bytes | None]
"""Returns one packed receipt: endpoint, deal, assignment, epoch, sequence."""

EPOCHS_BACK = 2
"""Epochs in which a receipt may be that was signed just now."""
SEQUENCE, TIME = 2, 11
"""Which words of a packed receipt these are (CONTRACTS 17)."""


class HeadIntake:
    """Takes heads from whoever called a function."""

    def __init__(
        self,
        journal: Journal,
        domain: Domain,
        read_facts: Callable[[], ChainFacts],
        fetch: FetchReceipt,
    ) -> None:
        self._journal = journal
        self._domain = domain
        self._read_facts = read_facts
        self._fetch = fetch

    def take(self, lines: Sequence[str]) -> int:
        """Keep heads that are new; return how many.

        Raises InvalidInput, InvalidSignature, NotFound, Forbidden (not the peer's wallet),
        Conflict (the peer has another receipt, or it says another deal or time), Unreachable.
        """
        return self.take_signed([parse_head(line) for line in lines])

    def take_signed(self, heads: Sequence[SignedHead]) -> int:
        """Keep heads that are new. Raises as `take`."""
        return sum(self._take(signed) for signed in heads)

    def _take(self, signed: SignedHead) -> int:
        head, facts = signed.head, self._read_facts()
        held = facts.assignments.get(head.assignment)
        if held is None or held.peer not in facts.peers:
            raise NotFound(f"there is no assignment {head.assignment}", field="heads")
        place = facts.peers[held.peer]
        signer = signer_of_head(self._domain, head, signed.signature)
        if not place.signs(signer, facts.epoch - EPOCHS_BACK + 1):
            raise Forbidden(f"{signer} is no wallet of peer {held.peer}", field="heads")
        book = self._journal.book(held.id)
        if any(known.head == signed for known in book.heads):
            return 0
        for epoch in range(facts.epoch, max(0, facts.epoch - EPOCHS_BACK), -1):
            receipt = self._fetch(place.endpoint, held.deal, held.id, epoch, head.sequence)
            words = () if receipt is None else split_words(receipt)
            if receipt is None or words[SEQUENCE] != head.sequence:
                # Where that epoch begins later, its first receipt is shown.
                continue
            if receipt_hash(receipt) != head.receipt:
                raise Conflict(f"peer {held.peer} has another receipt than it signed")
            if not place.signs(signer, epoch):
                raise Forbidden(f"{signer} was no wallet of peer {held.peer}", field="heads")
            _check_words(words, held, epoch, facts.epoch_seconds)
            self._journal.write(
                "head",
                assignment=held.id,
                deal=held.deal,
                peer=held.peer,
                head=dump_head(signed),
                receipt=receipt.hex(),
            )
            return 1
        raise InvalidInput(f"peer {held.peer} shows no receipt {head.sequence}", field="heads")


def _check_words(words: Sequence[int], held: KnownAssignment, epoch: int, seconds: int) -> None:
    """Refuse a receipt that could not be held against its peer.

    The chain takes a head by the time of its receipt (CONTRACTS 18, 21): one that says another
    time would bind nobody. Raises Conflict.
    """
    if tuple(words[:SEQUENCE]) != (held.deal, held.id):
        raise Conflict(f"peer {held.peer} signed a receipt of another deal", field="heads")
    if words[TIME] // seconds != epoch:
        raise Conflict(
            f"peer {held.peer} signed a receipt of epoch {words[TIME] // seconds}, in {epoch}",
            field="heads",
            remedy="call another peer: what this one signs cannot be held against it",
        )
