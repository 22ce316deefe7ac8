"""Remember the nonces of signed requests in the store: for all its processes, over restarts."""

from wasmarket.kernel.signing.requests import Credentials
from wasmarket.serving.auth import refuse_used
from wasmarket.store.database import Database
from wasmarket.store.matching.request_nonces import use_nonce


class StoredNonces:
    """A `serving.auth.NonceBook` of all processes that share a store."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`."""
        self._database = database

    def use(self, credentials: Credentials, now: int) -> None:
        """Remember a nonce. Raises Conflict if it was used before, anywhere."""
        with self._database.write() as session:
            is_new = use_nonce(
                session, credentials.address, credentials.nonce, credentials.expires, now
            )
        if not is_new:
            refuse_used()
