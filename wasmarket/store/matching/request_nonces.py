"""Make the nonce of a signed request count once, whichever process it reaches."""

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from wasmarket.kernel.units import Address, Hash
from wasmarket.store.tables import RequestNonceRow


def use_nonce(session: Session, address: Address, nonce: Hash, expires: int, now: int) -> bool:
    """Remember a nonce until it expires (chain time); return False if it was used before.

    Of two transactions with the same nonce the second waits for the first, and learns of it.
    """
    session.execute(delete(RequestNonceRow).where(RequestNonceRow.expires < now))
    is_postgres = session.get_bind().dialect.name == "postgresql"
    insert = (postgresql if is_postgres else sqlite).insert(RequestNonceRow)
    kept = session.execute(
        insert.values(address=address, nonce=nonce, expires=expires)
        .on_conflict_do_nothing()
        .returning(RequestNonceRow.nonce)
    ).all()
    return bool(kept)
