"""A node in memory for one treasury: nonces, a pool, blocks, reorgs; the real interfaces.

It reads as a `Reader` (a FakeChain whose views answer from the blocks), sends as a `Submitter` and
tells fates as a `FateSource`. What may go wrong is switched on by the test.
"""

from collections import Counter
from dataclasses import dataclass

from wasmarket.chain.contracts.abi import load_abi
from wasmarket.chain.contracts.packed_words import AccountWord, DealWord
from wasmarket.chain.sending.fates import Fate, FateKind
from wasmarket.chain.sending.transactions import Signed, TransactionReceipt
from wasmarket.kernel.addresses import raw as to_raw
from wasmarket.kernel.addresses import to_address, to_hash
from wasmarket.kernel.errors import MarketError, Reverted, TimedOut
from wasmarket.kernel.hashing import keccak
from wasmarket.testing.fake_chain import FakeChain, fake_deployment

TREASURY = to_address(keccak(b"treasury")[12:])
DEVELOPER = to_address(keccak(b"developer")[12:])
FOREVER = 2**32 - 1
GAS, GAS_PRICE = 100_000, 10**9
TOKENS = {"usdc": 10**12, "flt": 10**24, "coins": 10**20}


class Crash(BaseException):
    """The process is killed here: nothing catches it."""


@dataclass(frozen=True)
class Transaction:
    """A signed call; `fee` tells replacements apart, `is_ours` those of another program."""

    nonce: int
    fee: int
    to: str
    data: bytes
    value: int
    is_ours: bool = True

    @property
    def raw(self):
        head = self.nonce.to_bytes(8, "big") + self.fee.to_bytes(4, "big")
        return head + self.value.to_bytes(16, "big") + to_raw(self.to) + self.data

    @property
    def hash(self):
        return to_hash(keccak(self.raw + bytes([self.is_ours])))

    @classmethod
    def read(cls, raw):
        nonce, fee = int.from_bytes(raw[:8], "big"), int.from_bytes(raw[8:12], "big")
        value = int.from_bytes(raw[12:28], "big")
        return cls(nonce, fee, to_address(raw[28:48]), raw[48:], value)


class TreasuryNode:
    """One node and the treasury's key."""

    def __init__(self):
        self.deployment = fake_deployment()
        self.chain = FakeChain(self.deployment)
        self.address = TREASURY
        self.blocks = []
        """Of each block: (transaction, whether it succeeded)."""
        self.pool = {}
        self.unseen = set()
        """What waits at other nodes only."""
        self.given = Counter(TOKENS)
        """What the operator put into the treasury."""
        self.stopped = set()
        self.mines_at_once = True
        self.loses_broadcasts = False
        self.replaces = False
        self.crash_at = None
        """`signed`: when the next transaction is kept; `sent`: when it is broadcast."""
        self._answer_views()

    def _answer_views(self):
        answer = self.chain.answer
        answer("TestUSDC", "balanceOf", lambda of: self.held("usdc") if of == TREASURY else 0)
        answer("TestFLT", "balanceOf", lambda of: self.held("flt") if of == TREASURY else 0)
        answer("TestUSDC", "allowance", lambda *_: 2**128)
        answer("Market", "account_word", lambda _: pack(AccountWord, 0, 0))
        answer("Market", "owner_of_deal", lambda _: DEVELOPER)
        answer("Market", "deal_word", self._deal_word)

    def _deal_word(self, deal):
        end = FOREVER if 0 < deal < 100 else 0
        return pack(DealWord, 0, 0, 0, end, 1, 0, int(deal in self.stopped), 0)

    # What happened

    def delivered(self):
        """Return all deliveries on the branch of now: (kind, target, amount)."""
        found = []
        for block in self.blocks:
            for transaction, succeeded in block:
                if succeeded and (what := self.decode(transaction)) is not None:
                    found.append(what)
        return found

    def held(self, token):
        """Return what the treasury has of a token now."""
        spent = sum(amount for kind, _, amount in self.delivered() if token_of(kind) == token)
        return self.given[token] - spent

    def decode(self, transaction):
        """Return what a transaction delivers, None if nothing."""
        if not transaction.is_ours:
            return None
        if not transaction.data:
            to_self = transaction.to == TREASURY
            return None if to_self else ("coins", transaction.to, transaction.value)
        if transaction.to == self.deployment.market:
            deal, amount = load_abi("Market").function("top_up").decode_inputs(transaction.data[4:])
            return "top_up", deal, amount
        to, amount = load_abi("TestUSDC").function("transfer").decode_inputs(transaction.data[4:])
        kind = "usdc" if transaction.to == self.deployment.usdc.address else "flt"
        return kind, to, amount

    def used(self, blocks=None):
        """Return how many nonces are used up."""
        return sum(len(block) for block in (self.blocks if blocks is None else blocks))

    # What may happen

    def mine(self):
        """Mine what waits, in order of nonces; of several with one nonce the dearest."""
        block = []
        while True:
            nonce = self.used() + len(block)
            ready = [one for one in self.pool.values() if one.nonce == nonce]
            if not ready:
                break
            best = max(ready, key=lambda one: one.fee)
            self.blocks.append(block)
            succeeded = self._refusal(best) is None
            self.blocks.pop()
            block.append((best, succeeded))
            self.pool = {h: one for h, one in self.pool.items() if one.nonce != nonce}
        self.blocks.append(block)
        self.chain.mine()

    def reorg(self, depth, *, forgets=False, oldest_wins=False):
        """Undo blocks; their transactions wait again, or nobody has heard of them.

        `oldest_wins`: of those that were replaced the first is what is mined again.
        """
        depth = min(depth, len(self.blocks))
        undone = [entry for block in self.blocks[len(self.blocks) - depth :] for entry in block]
        del self.blocks[len(self.blocks) - depth :]
        if depth:
            self.chain.reorg(depth)
        for transaction, _ in undone:
            if not forgets:
                kept = transaction
                if oldest_wins and transaction.is_ours:
                    kept = Transaction(
                        transaction.nonce, 1, transaction.to, transaction.data, transaction.value
                    )
                self.pool[kept.hash] = kept
        for _ in range(depth):
            self.blocks.append([])

    def use_nonce(self, *, unseen=False):
        """Another program with the same key sends something; `unseen`: through another node."""
        nonce = self.used()
        other = Transaction(nonce, 10**6, TREASURY, b"", 0, is_ours=False)
        self.pool[other.hash] = other
        if unseen:
            self.unseen.add(other.hash)

    # The submitter

    def simulate(self, call, block="latest"):
        refusal = self._refusal(Transaction(0, 0, call.to, call.data, call.value))
        if refusal is not None:
            raise refusal
        return b""

    def send(self, call, on_signed=None):
        outcome = self._send(call, on_signed)
        if isinstance(outcome, MarketError):
            raise outcome
        return outcome

    def send_many(self, calls):
        return [self.send(call) for call in calls]

    def send_each(self, calls, *, max_gas):
        return [self._send(call, on_signed) for call, on_signed in calls]

    def _send(self, call, on_signed):
        try:
            self.chain.fetch_head()
            self.simulate(call)
            while True:
                transaction = Transaction(self._next(), 1, call.to, call.data, call.value)
                try:
                    return self._push(transaction, on_signed)
                except TimedOut:
                    # As the real one: where the nonce went elsewhere it signs another.
                    if self.used() <= transaction.nonce:
                        raise
        except MarketError as error:
            return error

    def _next(self):
        waiting = {one.nonce for h, one in self.pool.items() if h not in self.unseen}
        nonce = self.used()
        while nonce in waiting:
            nonce += 1
        return nonce

    def _push(self, transaction, on_signed, *, is_new=True):
        if is_new and on_signed is not None:
            on_signed(Signed(transaction.hash, transaction.raw, transaction.nonce))
        self._maybe_crash("signed")
        if not self.loses_broadcasts:
            self.pool[transaction.hash] = transaction
        self._maybe_crash("sent")
        if self.mines_at_once and not self.loses_broadcasts:
            self.mine()
        if self.replaces and not self.mines_at_once:
            dearer = Transaction(
                transaction.nonce,
                transaction.fee + 1,
                transaction.to,
                transaction.data,
                transaction.value,
            )
            if on_signed is not None:
                on_signed(Signed(dearer.hash, dearer.raw, dearer.nonce))
            self.pool[dearer.hash] = dearer
        receipt = self._receipt([transaction.hash])
        if receipt is None:
            raise TimedOut(f"{transaction.hash} is not mined yet")
        return receipt

    def _maybe_crash(self, moment):
        if self.crash_at == moment:
            self.crash_at = None
            raise Crash

    def resume(self, tx_hash, raw, on_signed=None):
        self.chain.fetch_head()
        receipt = self._receipt([tx_hash])
        transaction = Transaction.read(raw)
        if receipt is not None:
            return receipt
        if self.used() > transaction.nonce or self._refusal(transaction) is not None:
            return None
        return self._push(transaction, on_signed, is_new=False)

    def rebroadcast(self, tx_hash, raw):
        self.chain.fetch_head()
        transaction = Transaction.read(raw)
        if self._refusal(transaction) is None and not self.loses_broadcasts:
            self.pool[tx_hash] = transaction

    def _receipt(self, hashes):
        for number, block in enumerate(self.blocks):
            for transaction, succeeded in block:
                if transaction.hash in hashes:
                    if not succeeded:
                        raise Reverted("it was refused", reason="refused")
                    place = self.deployment.block + 1 + number
                    return TransactionReceipt(
                        transaction.hash, place, transaction.hash, GAS, GAS_PRICE, ()
                    )
        return None

    def _refusal(self, transaction):
        what = self.decode(transaction)
        if what is None:
            return None
        kind, target, amount = what
        if kind == "top_up" and target in self.stopped:
            return Reverted("deals: stopped", reason="deals: stopped")
        if amount > self.held(token_of(kind)):
            return Reverted("erc20: not enough balance", reason="erc20: not enough balance")
        return None

    # Fates

    def find(self, nonce, hashes, depth):
        self.chain.fetch_head()
        for number, block in enumerate(self.blocks):
            for transaction, succeeded in block:
                if transaction.hash in hashes:
                    is_deep = len(self.blocks) - 1 >= number + depth
                    if succeeded:
                        place = self.deployment.block + 1 + number
                        kind = FateKind.MINED
                        return Fate(kind, transaction.hash, place, GAS * GAS_PRICE, is_deep)
                    return Fate(FateKind.DEAD if is_deep else FateKind.GONE)
        if self.used() <= nonce:
            return Fate(FateKind.OPEN)
        deep = self.blocks[: max(len(self.blocks) - depth, 0)]
        return Fate(FateKind.DEAD if self.used(deep) > nonce else FateKind.GONE)


def token_of(kind):
    return "usdc" if kind == "top_up" else kind


def pack(kind, *values):
    """Pack a word of the contracts; the first value is the lowest bits."""
    word, at = 0, 0
    for width, value in zip(kind.WIDTHS, values, strict=True):
        word |= value << at
        at += width
    return word
