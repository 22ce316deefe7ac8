"""Send what this peer owes the chain, with its wallet, until the chain shows that it is done."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from peer.auditing.ballots import Ballots
from peer.chain_state.view import ChainView, OpenAsk
from peer.duties.attempts import DutyAttempts
from peer.duties.due_calls import NO_WORK, DueCalls, Outlook, WorkAccount, find_due_calls
from peer.duties.trial_calls import TrialCall, find_trial_calls
from peer.papers import PeerPapers
from wasmarket.chain.contracts.bindings import Audits, Market, Meter, Proofs
from wasmarket.chain.sending.transactions import ContractCall, Submitter, TransactionReceipt
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.errors import Reverted, Unfunded
from wasmarket.kernel.events import Skipped
from wasmarket.kernel.reasons import describe
from wasmarket.kernel.signing.usage import Voucher
from wasmarket.serving.daemon import LONGEST_PAUSE, Pace, explain

logger = logging.getLogger(__name__)

VoucherState = tuple[int, int, int]
"""Work signed for, paid, the deal's balance: as long as all stay, redeeming again pays nothing."""
FreshVoucher = tuple[Voucher, VoucherState]


@dataclass(frozen=True, slots=True)
class DutyContracts:
    """The contracts that a peer owes something."""

    market: Market
    proofs: Proofs
    audits: Audits
    meter: Meter


class DutySubmitter:
    """Activates, leaves, releases, commits, answers, claims and redeems; one thread runs it.

    It keeps no list of what it sent: duties follow from the standing, so nothing is lost by a
    crash and nothing is sent twice once the standing has caught up.
    """

    def __init__(
        self,
        sender: Submitter,
        contracts: DutyContracts,
        deployment: Deployment,
        papers: PeerPapers,
        ballots: Ballots,
        outlook: Callable[[], Outlook],
        *,
        claim_every: int = 0,
        settle_blocks: int = 0,
        read_work: Callable[[], WorkAccount] = lambda: NO_WORK,
        on_sent: Callable[[], object] = lambda: None,
        retry_seconds: float = LONGEST_PAUSE,
        read_clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`outlook` says which assignments can be served, `read_work` what they owe; these and
        `on_sent`, which hears of each transaction that was mined, are called on the agent's thread.
        `retry_seconds` is the longest pause of a duty that goes on failing, by `read_clock`.
        """
        self._sender = sender
        self._contracts = contracts
        self._deployment = deployment
        self._papers = papers
        self._commitments = papers.commitments
        self._ballots = ballots
        self._outlook = outlook
        self._claim_every = claim_every
        self._settle_blocks = settle_blocks
        self._read_work = read_work
        self._refused: dict[int, VoucherState] = {}
        self._on_sent = on_sent
        self._attempts = DutyAttempts(Pace(None, longest_pause=retry_seconds), read_clock)
        self._chain_view: ChainView | None = None
        self._sent_at = -1

    def notify(self, chain_view: ChainView) -> None:
        """Take a new standing; any thread."""
        before = self._chain_view
        if before is not None and chain_view.head.number < before.head.number:
            # The chain went back, maybe with what was sent: the standing tells what is owed.
            self._sent_at = chain_view.head.number
        self._chain_view = chain_view

    def act(self) -> None:
        """Send everything that is owed now, answers to asks first.

        What the chain refuses, or what is not here to be proven, is tried again after a pause of
        its own and told by `problems`; errors of the node are raised at once.
        """
        chain_view = self._chain_view
        # What was sent must be in the standing, or it would be sent again.
        if chain_view is None or chain_view.head.number < self._sent_at:
            return
        self._papers.own_roots.check(chain_view)
        duties = self._find(chain_view)
        with self._attempts.turn() as turn:
            for ask in chain_view.asks:
                turn.attempt(("answer", ask.case), partial(self._answer, ask))
            for trial in find_trial_calls(chain_view, self._deployment.parameters, self._ballots):
                self._try_trial(trial)
            for epoch in duties.commit:
                turn.attempt(("commit", epoch), partial(self._commit, chain_view, epoch))
            for call in self._calls(duties):
                turn.attempt(call, partial(self._send, call))
            fresh = self._find_fresh(chain_view, duties.redeem)
            if fresh:
                turn.attempt("redeem", partial(self._redeem, fresh))
            # Last: a disk that is full must not cost the provider's pay.
            turn.attempt("save", self._commitments.save)

    def pause(self) -> float | None:
        """Return the seconds until a duty that failed is due again; None: nothing failed."""
        return self._attempts.pause()

    def problems(self) -> list[str]:
        """Return why duties are not done, one line for each that failed; any thread."""
        return [f"submitting: {self.explain(error)}" for error in self._attempts.problems]

    def _answer(self, ask: OpenAsk) -> None:
        summed, called = self._papers.answers.find(ask)
        self._send(self._contracts.audits.call("answer", ask.case, summed, called))
        logger.info(
            "an ask was answered",
            extra={"case": ask.case, "assignment": ask.assignment, "epoch": ask.epoch},
        )

    def _try_trial(self, trial: TrialCall) -> None:
        try:
            self._send(self._trial_call(trial))
        except Reverted as error:
            # Another juror, or the accuser, was first.
            logger.info("not sent", extra={"case": trial.case, "why": error.detail})

    def _trial_call(self, trial: TrialCall) -> ContractCall:
        audits = self._contracts.audits
        if trial.place is None:
            return audits.call(trial.function, trial.case)
        ballot = self._ballots.get(trial.case, trial.receipt)
        if trial.function == "vote":
            return audits.call("vote", trial.case, trial.place, ballot.commitment(trial.place))
        return audits.call("reveal", trial.case, trial.place, ballot.vote, ballot.salt)

    def _commit(self, chain_view: ChainView, epoch: int) -> None:
        commitment = self._commitments.prepare(chain_view, epoch)
        # The standing tells when it is there, and when a reorganisation has taken it back.
        if not self._contracts.proofs.is_proven(chain_view.peer, epoch):
            self._send(
                self._contracts.proofs.call("commit", epoch, [(chain_view.peer, commitment.root)])
            )

    def _send(self, call: ContractCall) -> TransactionReceipt:
        receipt = self._sender.send(call)
        self._sent_at = max(self._sent_at, receipt.block_number)
        self._on_sent()
        logger.info("sent", extra={"call": call.description, "tx": receipt.tx_hash})
        for skipped in receipt.find(Skipped):
            logger.warning(
                "an assignment was skipped",
                extra={"assignment": skipped.assignment, "reason": describe(skipped.reason)},
            )
        return receipt

    def _find(self, chain_view: ChainView) -> DueCalls:
        return find_due_calls(
            chain_view,
            self._outlook(),
            self._deployment.parameters,
            claim_every=self._claim_every,
            settle_blocks=self._settle_blocks,
            work=self._read_work(),
        )

    def _calls(self, duties: DueCalls) -> Iterator[ContractCall]:
        if duties.activate:
            yield self._contracts.market.call("activate", duties.activate)
        for why, ids in duties.leave:
            yield self._contracts.market.call("leave", ids, int(why))
        if duties.release:
            yield self._contracts.market.call("release", duties.release)
        if duties.claim:
            yield self._contracts.market.call("claim", duties.claim)

    def _redeem(self, fresh: Mapping[int, FreshVoucher]) -> None:
        receipt = self._send(
            self._contracts.meter.redeem([voucher for voucher, _ in fresh.values()])
        )
        # Only what the chain has refused. What was paid shows in the standing, and not any more
        # once a reorganisation has taken it back.
        for skipped in receipt.find(Skipped):
            self._refused[skipped.assignment] = fresh[skipped.assignment][1]

    def _find_fresh(self, chain_view: ChainView, ids: Sequence[int]) -> dict[int, FreshVoucher]:
        """Return the vouchers of assignments, without those that the chain has passed over."""
        found: dict[int, FreshVoucher] = {}
        for number in ids:
            voucher, held = self._papers.vouchers.find(number), chain_view.assignments[number]
            if voucher is None:
                continue
            state = (voucher.usage.work, held.paid, chain_view.deals[held.deal].balance)
            if self._refused.get(number) != state:
                found[number] = (voucher, state)
        return found

    def explain(self, error: BaseException) -> str:
        """Return what to tell the operator about an error of `act`."""
        if isinstance(error, Unfunded):
            return f"the wallet {self._sender.address} cannot pay for gas: {error.detail}"
        return explain(error)
