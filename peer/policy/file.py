"""Keep a peer's policy as its file says now, without a restart."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from peer.policy.policy import Policy, parse_policy
from wasmarket.kernel.errors import ConfigError

logger = logging.getLogger(__name__)

SETTLE_SECONDS = 0.3
"""Age of a change before it counts: an editor may be half through with writing."""


class PolicyFile:
    """The policy in a file, read again whenever the file changes. Thread-safe.

    A file that became unreadable or wrong changes nothing: the last good policy holds, and
    `problem` says why.
    """

    def __init__(self, path: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        """Read the policy; no path: the default one for good. `clock` is the file system's.

        Raises ConfigError.
        """
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._policy = Policy()
        self._stamp: tuple[int, ...] = ()
        self.problem = ""
        if path is not None:
            self._stamp = self._look()
            self._policy = self._read()

    @property
    def current(self) -> Policy:
        """Return the policy that holds now."""
        if self._path is None:
            return self._policy
        with self._lock:
            try:
                stamp = self._look()
                if stamp != self._stamp and not self._is_fresh(stamp[0]):
                    self._stamp = stamp
                    self._policy = self._read()
                    self.problem = ""
                    logger.info("policy read", extra={"path": str(self._path)})
            except ConfigError as error:
                self._complain(error.detail)
            return self._policy

    def _look(self) -> tuple[int, ...]:
        """Return what tells one content of the file from another."""
        assert self._path is not None
        try:
            stat = self._path.stat()
        except OSError as error:
            raise _unreadable(self._path, error) from error
        return (stat.st_mtime_ns, stat.st_size, stat.st_ino)

    def _is_fresh(self, modified_ns: int) -> bool:
        return 0 <= self._clock() - modified_ns / 10**9 < SETTLE_SECONDS

    def _read(self) -> Policy:
        assert self._path is not None
        try:
            text = self._path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise _unreadable(self._path, error) from error
        return parse_policy(text, str(self._path))

    def _complain(self, detail: str) -> None:
        if detail != self.problem:
            logger.warning("the policy stays as it was", extra={"why": detail})
        self.problem = detail


def _unreadable(path: Path, error: Exception) -> ConfigError:
    return ConfigError(f"cannot read the policy {path}: {error}", field="policy")
