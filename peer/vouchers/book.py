"""Keep the newest voucher of each assignment: a file each, written before it is said to be kept."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from peer.folder import write_atomically
from wasmarket.kernel.errors import Forbidden, MarketError
from wasmarket.kernel.signing.typed_data import Domain
from wasmarket.kernel.signing.usage import (
    Voucher,
    dump_voucher,
    parse_voucher,
    signer_of_voucher,
)
from wasmarket.kernel.units import Address
from wasmarket.serving.damage import set_aside

logger = logging.getLogger(__name__)


class VoucherBook:
    """Vouchers by assignment; they only grow. Thread-safe."""

    def __init__(self, folder: Path, domain: Domain) -> None:
        """Read what earlier runs kept."""
        self._folder = folder
        self._domain = domain
        self._lock = threading.Lock()
        self._newest: dict[int, Voucher] = {}
        self.on_news: Callable[[], object] = lambda: None
        """Called when a voucher was kept; any thread."""
        for path in folder.glob("*"):
            if path.name.isdecimal():
                self._load(path)

    def find(self, assignment: int) -> Voucher | None:
        """Return the newest voucher of an assignment."""
        return self._newest.get(assignment)

    def work_of(self, assignment: int) -> int:
        """Return how much work was signed for."""
        found = self._newest.get(assignment)
        return 0 if found is None else found.usage.work

    def works(self) -> dict[int, int]:
        """Return how much work was signed for, by assignment."""
        return {number: voucher.usage.work for number, voucher in list(self._newest.items())}

    def accept(self, voucher: Voucher, meter: Address) -> int:
        """Keep a voucher and return the work that is signed for now; an older one changes nothing.

        One that another meter signed is of a match that the chain took back, and stands for
        nothing. Raises InvalidSignature, Forbidden unless `meter` signed it, OSError.
        """
        assignment = voucher.usage.assignment
        kept, foreign = self._newest.get(assignment), None
        if kept is not None and voucher.usage.work <= kept.usage.work:
            if signer_of_voucher(self._domain, kept) == meter:
                return kept.usage.work
            foreign = kept
        signer = signer_of_voucher(self._domain, voucher)
        if signer != meter:
            raise Forbidden(
                f"{signer} does not sign the usage of assignment {assignment}",
                field="usage",
                remedy=f"have it signed by the deal's meter {meter}",
            )
        with self._lock:
            newest = self._newest.get(assignment)
            if newest is foreign or voucher.usage.work > self.work_of(assignment):
                write_atomically(self._path(assignment), dump_voucher(voucher).encode())
                self._newest[assignment] = voucher
        self.on_news()
        return self.work_of(assignment)

    def _load(self, path: Path) -> None:
        data = path.read_bytes()
        try:
            voucher = parse_voucher(data.decode("ascii"))
        except (MarketError, UnicodeDecodeError):
            set_aside(path, data, "a voucher: the deal's meter has to send it again")
            path.unlink()
            return
        self._newest[int(path.name)] = voucher

    def _path(self, assignment: int) -> Path:
        return self._folder / str(assignment)
