"""Read peers, the epochs that they proved, and providers."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, union
from sqlalchemy.orm import Session

from wasmarket.kernel.errors import NotFound
from wasmarket.kernel.units import Address
from wasmarket.store.chain.assignments import fetch_alive_units
from wasmarket.store.chain.state import BATCH
from wasmarket.store.tables import AccountRow, CommitmentRow, PeerRow, StakeRow
from wasmarket.store.views import Indexed, PeerView, ProviderView


@dataclass(frozen=True, slots=True)
class PeerFilter:
    """Which peers are listed; None, 0 and empty: all. The last three are what peers say."""

    provider: Address | None = None
    region: int | None = None
    min_memory_mib: int = 0
    site: str | None = None
    min_speed: int = 0
    claims: tuple[str, ...] = ()


def fetch_peer(session: Session, peer: int) -> PeerView:
    """Return one peer. Raises NotFound."""
    row = session.get(PeerRow, peer)
    if row is None:
        raise NotFound(
            f"there is no peer {peer}", field="peer", remedy="take a number of the list of peers"
        )
    return _views(session, [row])[0]


def fetch_last_peer(session: Session) -> int:
    """Return the number of the newest peer, 0 before the first: all below it exist."""
    return int(session.scalar(select(func.max(PeerRow.id))) or 0)


def fetch_peers(
    session: Session,
    *,
    provider: Address | None = None,
    region: int | None = None,
    wallet: Address | None = None,
    ids: Sequence[int] | None = None,
    after: int = 0,
    limit: int | None = 100,
    min_memory_mib: int = 0,
) -> list[PeerView]:
    """Return peers by id."""
    query = select(PeerRow).where(PeerRow.id > after).order_by(PeerRow.id).limit(limit)
    for column, value in (
        (PeerRow.provider, provider),
        (PeerRow.region, region),
        (PeerRow.wallet, wallet),
    ):
        if value is not None:
            query = query.where(column == value)
    if ids is not None:
        query = query.where(PeerRow.id.in_(ids))
    if min_memory_mib:
        query = query.where(PeerRow.memory_mib >= min_memory_mib)
    return _views(session, session.scalars(query).all())


def fetch_provider(session: Session, at: Indexed, address: Address) -> ProviderView:
    """Return an account as a provider. Raises NotFound for one without peers and stake."""
    found = fetch_providers(session, at, address=address)
    if not found:
        raise NotFound(
            f"{address} has no peer and no stake",
            field="address",
            remedy="take an address of the list of providers",
        )
    return found[0]


def fetch_providers(
    session: Session,
    at: Indexed,
    *,
    address: Address | None = None,
    after: str = "",
    limit: int | None = 100,
) -> list[ProviderView]:
    """Return the accounts that have a peer or stake, by address."""
    parts = []
    for column in (PeerRow.provider, StakeRow.provider):
        # Each by its index and only so far: a union of all would be made anew for each page.
        part = select(column.label("address")).where(column > after)
        if address is not None:
            part = part.where(column == address)
        ordered = part.distinct().order_by(column).limit(limit).subquery()
        parts.append(select(ordered.c.address))
    known = union(*parts).subquery()
    query = select(known.c.address)
    addresses = session.scalars(query.order_by(known.c.address).limit(limit)).all()
    found: list[ProviderView] = []
    for start in range(0, len(addresses), BATCH):
        found += _providers(session, at, [Address(a) for a in addresses[start : start + BATCH]])
    return found


def _providers(session: Session, at: Indexed, addresses: Sequence[Address]) -> list[ProviderView]:
    """Return some providers, each kind of fact read once for all of them."""
    accounts = {
        row.address: row
        for row in session.scalars(select(AccountRow).where(AccountRow.address.in_(addresses)))
    }
    stakes = {
        row.provider: row
        for row in session.scalars(select(StakeRow).where(StakeRow.provider.in_(addresses)))
    }
    peers = {
        provider: (int(count), int(units), int(used))
        for provider, count, units, used in session.execute(
            select(PeerRow.provider, func.count(), func.sum(PeerRow.units), func.sum(PeerRow.used))
            .where(PeerRow.provider.in_(addresses))
            .group_by(PeerRow.provider)
        )
    }
    alive = fetch_alive_units(session, at, addresses)
    views = []
    for address in addresses:
        account, stake = accounts.get(address), stakes.get(address)
        count, units, used = peers.get(address, (0, 0, 0))
        views.append(
            ProviderView(
                address=address,
                free=account.free if account else 0,
                counter=account.counter if account else 0,
                stake_free=stake.free if stake else 0,
                stake_locked=stake.locked if stake else 0,
                leaving=stake.leaving if stake else 0,
                ready=stake.ready if stake else 0,
                peers=count,
                units=units,
                used=used,
                alive_units=alive[address],
                paid=account.earned if account else 0,
            )
        )
    return views


def _views(session: Session, rows: Sequence[PeerRow]) -> list[PeerView]:
    proven: dict[int, int] = {}
    ids = [row.id for row in rows]
    for start in range(0, len(ids), BATCH):
        query = (
            select(CommitmentRow.peer, func.max(CommitmentRow.epoch))
            .where(CommitmentRow.peer.in_(ids[start : start + BATCH]))
            .group_by(CommitmentRow.peer)
        )
        proven.update((int(peer), int(epoch)) for peer, epoch in session.execute(query))
    return [
        PeerView(
            id=row.id,
            provider=row.provider,
            key=row.key,
            units=row.units,
            used=row.used,
            memory_mib=row.memory_mib,
            region=row.region,
            traits=row.traits,
            wallet=row.wallet,
            endpoint=row.endpoint,
            registered_block=row.registered_block,
            registered_at=row.registered_at,
            proven=proven.get(row.id),
        )
        for row in rows
    ]
