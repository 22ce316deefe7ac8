"""Every operation that is measured: whole transactions, the second of their kind.

Each function works on a town that nobody has touched and returns gas by measure. A further item
of a batch is the difference between a long and a short batch, rounded up.
"""

from collections.abc import Callable
from typing import Any

from bench.gas import measures as m
from bench.gas.first_times import measure_all_terms, measure_first_times
from bench.gas.judgements import (
    measure_asks,
    measure_bonds,
    measure_juries,
    measure_last_claim,
    measure_metered,
)
from bench.gas.town import DEPOSIT, PRICE, UNLIMITED, Town
from wasmarket.chain.contracts.fills import NO_PERMIT
from wasmarket.chain.sending.transactions import ContractCall
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.units import USDC

Figures = dict[str, int]
LEAVE_REASON = 48
DROP_REASON = 64
ROOTS_KEPT = 16


def measure_match(town: Town) -> Figures:
    """First matches, from tokens, by permit and from the free balance."""
    one, other = town.each_provider[:2]
    town.deal_on([one])
    bid, fills = town.bid(1), [town.ask(one)]
    from_tokens = town.match(bid, fills)[0]
    bid_10, fills_10 = town.bid(10), [town.ask(one, 10)]
    of_ten = town.match(bid_10, fills_10)[0]
    extra = (of_ten - data_gas(town.match_call(bid_10, fills_10))) - (
        from_tokens - data_gas(town.match_call(bid, fills))
    )
    town.approve(0)
    by_permit = second_match(town, one, permit=True)
    town.approve(UNLIMITED)
    town.node.send(town.developer, town.market.call("deposit", 10 * DEPOSIT))
    from_free = second_match(town, other)
    return {
        m.MATCH: from_tokens,
        m.MATCH_TEN: of_ten,
        m.MATCH_MORE_UNITS: extra,
        m.MATCH_PERMIT: by_permit,
        m.MATCH_FREE: from_free,
    }


def measure_further_fills(town: Town) -> Figures:
    """Fills beside the first one, of the same provider and of others."""
    figures = {}
    for measure, peers in (
        (m.FILL, town.each_provider),
        (m.FILL_SAME, town.same_provider[: len(town.each_provider)]),
    ):
        town.deal_on(peers)
        many = town.match(town.bid(len(peers)), town.asks(peers))[0]
        one = town.match(town.bid(1), town.asks(peers[:1]))[0]
        figures[measure] = share(many - one, len(peers) - 1)
    return figures


def measure_refills(town: Town) -> Figures:
    """The largest matches, and refills beside assignments that live."""
    town.deal_on(town.peers)
    large = town.bid(64)
    most, current = town.match(large, town.asks(town.peers))
    again = town.match(large, town.asks(town.peers), current)[0]
    last_but_one = town.bid(64)
    _, first = town.match(last_but_one, town.asks(town.peers))
    _, second = town.match(last_but_one, town.asks(town.peers[1:]), first)
    with_63 = town.match(last_but_one, town.asks(town.peers[:1]), first + second)[0]
    small = town.bid(9)
    _, eight = town.match(small, town.asks(town.peers[:8]))
    with_8 = town.match(small, town.asks(town.peers[8:9]), eight)[0]
    return {m.FILLS_32: most, m.REFILL_32: again, m.REFILL_8: with_8, m.REFILL_63: with_63}


def measure_offers(town: Town) -> Figures:
    """Offers: signed ones reach no block; publishing and cancelling on chain is a choice."""
    before = town.node.rpc.fetch_block_number()
    town.ask(1)
    repriced = town.ask(1, price=PRICE + 1)
    signed = town.node.spent_since(before)
    town.match(town.bid(1), [repriced])

    def publish() -> ContractCall:
        return town.market.call("publish", town.root(), b"\x01" * 224)

    provider = town.providers[0]
    return {
        m.OFFER: signed,
        m.PUBLISH: second(town, provider, publish),
        m.CANCEL: second(town, provider, lambda: town.market.call("cancel", town.root())),
    }


def measure_register(town: Town) -> Figures:
    """A new peer, its bond staked before."""
    town.register(town.providers[0])
    return {m.REGISTER: town.register(town.providers[0])}


def measure_activate(town: Town) -> Figures:
    """Activation, alone and in a batch."""
    deals = [town.deal_on([1])[0] for _ in range(12)]
    town.activate(deals[:1])
    one = town.activate(deals[1:2])
    of_deals = town.activate(deals[2:12])
    of_deal = town.activate(town.deal_on(town.same_provider[:10]))
    return {
        m.ACTIVATE: one,
        m.ACTIVATE_DEALS: share(of_deals - one, 9),
        m.ACTIVATE_PEERS: share(of_deal - one, 9),
    }


def measure_commit(town: Town) -> Figures:
    """Proofs, alone and in a batch; roots are kept in a ring of 16 epochs."""
    town.commit(town.peers)
    town.wait_epochs()
    early = town.commit([1])
    for _ in range(ROOTS_KEPT):
        town.commit(town.peers[1:])
        town.wait_epochs()
        town.commit([1])
    town.wait_epochs()
    one = town.commit([1])
    more = share(town.commit(range(2, 12)) - one, 9)
    return {m.COMMIT: one, m.COMMIT_MORE: more, m.COMMIT_EARLY: early}


def measure_claim(town: Town) -> Figures:
    """Claims of one proven epoch, when every account has claimed before."""
    deals = [town.deal_on([1])[0] for _ in range(12)]
    of_deal = town.deal_on(town.same_provider[:11])
    of_others = town.deal_on(town.each_provider)
    everything = deals + of_deal + of_others
    town.activate(everything)
    for _ in range(2):
        town.wait_epochs()
        town.commit(town.peers)
    _claim(town, everything)
    town.wait_epochs()
    town.commit(town.peers)
    one = _claim(town, deals[:1])
    figures = {
        m.CLAIM: one,
        m.CLAIM_DEALS: share(_claim(town, deals[1:11]) - one, 9),
        m.CLAIM_PEERS: share(_claim(town, of_deal[1:]) - one, 9),
        m.CLAIM_OTHERS: share(_claim(town, of_others[1:]) - one, 9),
    }
    town.wait_epochs()
    provider = town.providers[0]

    def claim_and_withdraw() -> ContractCall:
        return town.market.call("claim_and_withdraw", [deals.pop()], provider.address)

    return figures | {m.CLAIM_WITHDRAW: second(town, provider, claim_and_withdraw)}


def measure_refund(town: Town) -> Figures:
    """A claim of two epochs, one of them unproven and refunded."""
    ids = [town.deal_on([1])[0] for _ in range(2)]
    town.activate(ids)
    town.wait_epochs()
    town.commit([1])
    town.wait_epochs(2)
    market = town.market
    return {m.CLAIM_REFUND: second(town, town.matcher, lambda: market.call("claim", [ids.pop()]))}


def measure_money(town: Town) -> Figures:
    """Money in and out of a running deal and of an account."""
    first = town.newest_deal() + 1
    town.activate([town.deal_on([1])[0] for _ in range(2)])
    developer, market = town.developer, town.market
    figures = {m.TOP_UP: second(town, developer, lambda: market.call("top_up", first, USDC))}
    figures[m.DEPOSIT] = second(town, developer, lambda: market.call("deposit", USDC))
    figures[m.TOP_UP_FREE] = second(
        town, developer, lambda: market.call("top_up", first, USDC // 4)
    )
    figures[m.TAKE] = second(town, developer, lambda: market.call("take", first, USDC))
    figures[m.WITHDRAW] = second(
        town, developer, lambda: market.call("withdraw", USDC, developer.address)
    )
    deals = [first, first + 1]
    figures[m.STOP] = second(town, developer, lambda: market.call("stop", deals.pop()))
    return figures


def measure_endings(town: Town) -> Figures:
    """The ways in which an assignment ends."""
    ids = [town.deal_on([1])[0] for _ in range(8)]
    last_deal = town.newest_deal()
    town.activate(ids)
    # In the epoch of its activation a peer leaves for less: nothing is left to be claimed.
    town.wait_epochs()
    developer, market = town.developer, town.market

    def end(function: str, *args: Any) -> Callable[[], ContractCall]:
        return lambda: market.call(function, [ids.pop(0)], *args)

    figures = {
        m.LEAVE: second(town, town.wallet, end("leave", LEAVE_REASON)),
        m.DROP: second(town, developer, end("drop", DROP_REASON)),
    }
    for _ in range(6):
        town.wait_epochs()
        town.pulse()
    figures[m.EVICT] = second(town, town.matcher, end("evict"))
    for deal in (last_deal - 1, last_deal):
        town.node.send(developer, market.call("stop", deal))
    town.wait_epochs()
    figures[m.RELEASE] = second(town, town.matcher, end("release"))
    return figures


SCENARIOS: tuple[Callable[[Town], Figures], ...] = (
    measure_match,
    measure_all_terms,
    measure_first_times,
    measure_further_fills,
    measure_refills,
    measure_offers,
    measure_register,
    measure_activate,
    measure_commit,
    measure_claim,
    measure_refund,
    measure_money,
    measure_endings,
    measure_bonds,
    measure_last_claim,
    measure_metered,
    measure_asks,
    measure_juries,
)


def measure_all(town: Town) -> Figures:
    """Measure everything, each scenario on the untouched town."""
    figures: Figures = {m.CODE[name]: size for name, size in town.code_bytes().items()}
    for scenario in SCENARIOS:
        with town.undone():
            figures |= scenario(town)
    return figures


def second(town: Town, account: Account, build: Callable[[], ContractCall]) -> int:
    """Send two calls of a kind and return the gas of the second one."""
    town.node.send(account, build())
    return town.node.send(account, build())


def second_match(town: Town, peer: int, *, permit: bool = False) -> int:
    """Make two deals on one unit of a peer and return the gas of the second one."""
    for _ in range(2):
        signed = town.permit() if permit else NO_PERMIT
        gas, _ = town.match(town.bid(1), [town.ask(peer)], permit=signed)
    return gas


def share(gas: int, items: int) -> int:
    """Return the gas of one item, rounded up, so that no figure is flattered."""
    return -(-gas // items)


def data_gas(call: ContractCall) -> int:
    """Return what the bytes of a call cost: 4 gas for a zero, 16 for any other."""
    zeros = call.data.count(0)
    return 4 * zeros + 16 * (len(call.data) - zeros)


def _claim(town: Town, ids: list[int]) -> int:
    return town.node.send(town.matcher, town.market.call("claim", ids))
