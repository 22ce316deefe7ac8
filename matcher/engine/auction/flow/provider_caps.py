"""Caps in a flow: how much a demand may have of one provider. Compiled, in integers."""

from matcher.engine.auction.allocation import room_beside_live
from matcher.engine.auction.arrays import AuctionArrays
from matcher.engine.auction.flow.flow_state import SHIFT, STEPS, WORD, ResidualFlow
from matcher.engine.index.compiled import uncounted
from matcher.engine.values import NO_CAP


@uncounted
def room_of(market: AuctionArrays, flow: ResidualFlow, demand: int, provider: int) -> int:
    """Return how many more units the demand may have of a provider."""
    room = room_beside_live(market, demand, provider)
    if room >= NO_CAP:
        return room
    arc = flow.of_demand[demand]
    while arc >= 0:
        if market.provider[flow.row[arc]] == provider:
            room -= flow.units[arc]
        arc = flow.after[arc]
    return int(max(room, 0))


@uncounted
def bar(market: AuctionArrays, flow: ResidualFlow, demand: int, provider: int) -> None:
    """Mark the rows of providers at their cap for this demand, but for the rows of `provider`."""
    if market.cap[demand] >= NO_CAP:
        return
    arc = flow.of_demand[demand]
    while arc >= 0:
        other = market.provider[flow.row[arc]]
        if other != provider and room_of(market, flow, demand, other) == 0:
            _mark(flow, other, True)
        arc = flow.after[arc]
    for sale in range(market.sold_at[demand], market.sold_at[demand + 1]):
        other = market.sold_provider[sale]
        if other >= 0 and other != provider and room_of(market, flow, demand, other) == 0:
            _mark(flow, other, True)


@uncounted
def lift(market: AuctionArrays, flow: ResidualFlow, demand: int) -> None:
    """Take away all marks that the demand can have brought."""
    if market.cap[demand] >= NO_CAP:
        return
    arc = flow.of_demand[demand]
    while arc >= 0:
        _mark(flow, market.provider[flow.row[arc]], False)
        arc = flow.after[arc]
    for sale in range(market.sold_at[demand], market.sold_at[demand + 1]):
        if market.sold_provider[sale] >= 0:
            _mark(flow, market.sold_provider[sale], False)


@uncounted
def _mark(flow: ResidualFlow, provider: int, is_barred: bool) -> None:
    begin, end = flow.stock_at[provider], flow.stock_at[provider + 1]
    flow.state[STEPS] -= end - begin
    for row in flow.stock[begin:end]:
        bit = 1 << (row & WORD - 1)
        if is_barred:
            flow.barred[row >> SHIFT] |= bit
        else:
            flow.barred[row >> SHIFT] &= ~bit
