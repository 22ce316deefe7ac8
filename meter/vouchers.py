"""Sign for the work that was found to be true, and bring vouchers to the peers."""

import logging

import httpx

from meter.chain.facts import ChainFacts, KnownAssignment
from meter.journal import Journal
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.signing.typed_data import Domain
from wasmarket.kernel.signing.usage import AssignmentUsage, Voucher, dump_voucher, sign_usage

logger = logging.getLogger(__name__)


class VoucherClerk:
    """Signs all work once; the same work gives the same voucher, however often it is sent."""

    def __init__(
        self, journal: Journal, domain: Domain, account: Account, client: httpx.Client
    ) -> None:
        self._journal = journal
        self._domain = domain
        self._account = account
        self._client = client
        self._silent: dict[int, str] = {}

    @property
    def silent(self) -> dict[int, str]:
        """Return why vouchers are not delivered, by assignment."""
        return dict(self._silent)

    def voucher(self, assignment: int) -> Voucher | None:
        """Return the newest voucher of an assignment, None while there is none."""
        work = self._journal.book(assignment).signed
        if not work:
            return None
        return sign_usage(self._domain, AssignmentUsage(assignment, work), self._account.key)

    def settle(self, facts: ChainFacts, held: KnownAssignment) -> None:
        """Sign what is new of an assignment and deliver what the peer does not have."""
        book = self._journal.book(held.id)
        if book.work > book.signed and not book.is_given_up:
            self._journal.write(
                "signed", deal=held.deal, assignment=held.id, peer=held.peer, work=book.work
            )
        voucher = self.voucher(held.id)
        if voucher is not None and book.delivered < book.signed:
            self._deliver(facts, held, voucher)

    def _deliver(self, facts: ChainFacts, held: KnownAssignment, voucher: Voucher) -> None:
        place = facts.peers[held.peer]
        url = f"{place.endpoint.rstrip('/')}/v1/deals/{held.deal}/vouchers"
        try:
            body = {"vouchers": [dump_voucher(voucher)]}
            # What else it says is not read: it may have no end.
            with self._client.stream("POST", url, json=body) as answer:
                why = "" if answer.is_success else f"{url} answers {answer.status_code}"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = f"{url} does not answer: {error}"
        if why:
            if self._silent.get(held.id) != why:
                logger.warning("a voucher is not delivered", extra={"why": why})
            self._silent[held.id] = why
            return
        self._silent.pop(held.id, None)
        self._journal.write(
            "delivered", deal=held.deal, assignment=held.id, peer=held.peer, work=voucher.usage.work
        )
