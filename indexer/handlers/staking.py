"""Staking: what providers have bonded."""

from indexer.scope import Handlers, Scope
from wasmarket.chain.reading.blocks import Log
from wasmarket.kernel import units
from wasmarket.kernel.events import Leaving, Stake
from wasmarket.kernel.units import Address, Timestamp
from wasmarket.store.chain.rows import ChainRows
from wasmarket.store.tables import StakeRow

STAKING = Handlers()


@STAKING.on(Stake)
def stake(scope: Scope, log: Log[Stake]) -> None:
    """A provider's stake changed."""
    row = _get_stake(scope.rows, log.event.provider)
    row.free, row.locked = units.Stake(log.event.free), units.Stake(log.event.locked)


@STAKING.on(Leaving)
def leaving(scope: Scope, log: Log[Leaving]) -> None:
    """Stake is on its way out, or was paid out."""
    row = _get_stake(scope.rows, log.event.provider)
    row.leaving, row.ready = units.Stake(log.event.amount), Timestamp(log.event.ready)


def _get_stake(rows: ChainRows, provider: Address) -> StakeRow:
    row = rows.find(StakeRow, provider)
    if row is None:
        nothing = units.Stake(0)
        row = rows.add(
            StakeRow,
            provider=provider,
            free=nothing,
            locked=nothing,
            leaving=nothing,
            ready=Timestamp(0),
        )
    return row
