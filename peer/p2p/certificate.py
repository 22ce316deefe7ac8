"""The certificate with which the edge speaks TLS; a renewed one is taken up while it runs."""

import logging
import ssl
from pathlib import Path

from wasmarket.kernel.errors import ConfigError

logger = logging.getLogger(__name__)


class Certificate:
    """A chain and its key in PEM files. Connections that are open keep what they began with."""

    def __init__(self, chain: Path, key: Path) -> None:
        """Raises ConfigError for files that cannot be read, or do not belong together."""
        self._chain = chain
        self._key = key
        self._problem = ""
        self._written_at = self._look()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._load()

    def refresh(self) -> None:
        """Take up what was written since; what is no good is logged, and the old one stays."""
        try:
            written_at = self._look()
            if written_at == self._written_at:
                return
            # Half of a renewal, the chain before its key, is tried again when the other half comes.
            self._written_at = written_at
            self._load()
        except ConfigError as error:
            if error.detail != self._problem:
                self._problem = error.detail
                logger.warning("the certificate is not renewed", extra={"why": error.detail})
            return
        self._problem = ""
        logger.info("certificate renewed", extra={"path": str(self._chain)})

    def _look(self) -> tuple[int, ...]:
        try:
            return tuple(path.stat().st_mtime_ns for path in (self._chain, self._key))
        except OSError as error:
            raise ConfigError(
                f"[peer] p2p_tls_cert, p2p_tls_key: {error.filename}: {error.strerror}"
            ) from error

    def _load(self) -> None:
        # NOTE: a context that refuses a pair may have kept the first half of it: try elsewhere.
        for context in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self.context):
            try:
                context.load_cert_chain(self._chain, self._key, password=_refuse_password)
            except (OSError, ValueError) as error:
                raise ConfigError(
                    f"[peer] p2p_tls_cert {self._chain} with p2p_tls_key {self._key}: {error}",
                    remedy="both are PEM files: the whole chain, and its key without a password",
                ) from error


def _refuse_password() -> str:
    raise ValueError("the key has a password")


def read_certificate(chain: str, key: str) -> Certificate | None:
    """Return the certificate that is set, None if none is. Raises ConfigError."""
    if not chain and not key:
        return None
    if not chain or not key:
        raise ConfigError(
            "[peer] p2p_tls_cert and p2p_tls_key go together, and one is not set",
            remedy="set both, or neither",
        )
    return Certificate(Path(chain).expanduser(), Path(key).expanduser())
