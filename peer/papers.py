"""Put together what a peer answers for: receipts, closed epochs, vouchers, copies of it all."""

from collections.abc import Callable
from dataclasses import dataclass

from peer.copies.folders import ReceiptCopies, restore_receipts
from peer.copies.places import open_stores, parse_places
from peer.copies.remote import RemoteCopies, find_evidence
from peer.duties.answers import Answers, EvidencePlace
from peer.duties.commitments import Commitments, last_closed
from peer.duties.due_calls import WorkAccount
from peer.duties.own_roots import OwnRoots
from peer.folder import PeerFolder
from peer.receipts.heads import HeadSigner
from peer.receipts.high_water import HighWater
from peer.receipts.receipt_log import ReceiptLog
from peer.settings import PeerSettings
from peer.vouchers.book import VoucherBook
from peer.vouchers.credit import Credit
from wasmarket.chain.contracts.bindings import Proofs
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.signing.typed_data import market_domain


@dataclass(frozen=True, slots=True)
class PeerPapers:
    """The parts, and how they depend on one another is settled."""

    book: ReceiptLog
    commitments: Commitments
    vouchers: VoucherBook
    copies: ReceiptCopies
    remote: RemoteCopies
    own_roots: OwnRoots
    answers: Answers

    def read_work(self, terms: Credit) -> WorkAccount:
        """Return what metered assignments did, and what of it is signed for."""
        chains = self.book.chains()
        done = {chain.assignment: chain.work_done for chain in chains}
        last = {c.assignment: c.last_epoch for c in chains if terms.idle_epochs}
        return WorkAccount(self.vouchers.works(), done, terms, last)


def open_papers(
    folder: PeerFolder,
    settings: PeerSettings,
    deployment: Deployment,
    wallet: Account,
    proofs: Proofs,
    now: Callable[[], int],
) -> PeerPapers:
    """Open what earlier runs left, taking from copies in folders what this one lacks.

    `now` is the chain's time. Raises Conflict if another process has the folder or a place of
    copies, ConfigError for a place that is none, OSError.
    """
    seconds = deployment.parameters.epoch_seconds
    domain = market_domain(deployment.chain_id, deployment.market)
    given = parse_places(settings.receipt_copies)
    places = given.folders
    stores = open_stores(given.urls, settings, wallet.address, domain, wallet, now)
    restore_receipts(folder, places)
    signer = HeadSigner(domain, wallet, HighWater([folder.path, *places]))
    floor = last_closed(folder.commitments) + 1
    book = ReceiptLog(folder, signer, seconds, floor, places)
    commitments = Commitments(folder.commitments, book, seconds)
    own_roots = OwnRoots(proofs, commitments, seconds)
    signer.find_obstacle = own_roots.find_obstacle
    return PeerPapers(
        book,
        commitments,
        VoucherBook(folder.vouchers, domain),
        ReceiptCopies(folder, places, book.flush),
        RemoteCopies(folder, stores),
        own_roots,
        Answers(
            [
                *(EvidencePlace(place) for place in (folder.path, *places)),
                *find_evidence(stores, folder.cache / "fetched"),
            ]
        ),
    )
