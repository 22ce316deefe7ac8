"""Remember the offers that were signed by policy, so that a restart goes on with them."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from peer.folder import write_atomically
from wasmarket.kernel.documents.json_text import decode_json
from wasmarket.kernel.errors import ConfigError, InvalidInput
from wasmarket.kernel.signing.offers import ProviderOffer, dump_offer, parse_offer
from wasmarket.kernel.signing.typed_data import hash_offer
from wasmarket.kernel.units import Hash


@dataclass(frozen=True, slots=True)
class SignedOffer:
    """An offer of ours and which matchers have it; `is_wanted` until another replaces it."""

    offer: ProviderOffer
    signature: str
    held_by: frozenset[str] = field(default_factory=frozenset)
    is_wanted: bool = True

    @property
    def hash(self) -> Hash:
        """Return the offer's hash."""
        return hash_offer(self.offer)

    @property
    def body(self) -> dict[str, Any]:
        """Return it as a matcher takes it."""
        return {"offer": dump_offer(self.offer), "signature": self.signature}


class SignedOffers:
    """The offers by hash, in a file that is written before anything is sent."""

    def __init__(self, path: Path) -> None:
        """Read what an earlier run left. Raises ConfigError if it is not readable."""
        self._path = path
        self.offers: dict[Hash, SignedOffer] = {}
        try:
            rows = decode_json(path.read_bytes())
            for row in rows:
                offer = parse_offer(ProviderOffer, row["offer"])
                signed = SignedOffer(
                    offer, row["signature"], frozenset(row["held_by"]), row["is_wanted"]
                )
                self.offers[signed.hash] = signed
        except FileNotFoundError:
            pass
        except (msgspec.DecodeError, InvalidInput, KeyError, TypeError) as error:
            raise ConfigError(
                f"{path} is not readable: {error}",
                remedy="withdraw all offers with `wasmarket offer cancel-all`, then remove it",
            ) from error

    def put(self, signed: SignedOffer) -> None:
        """Keep an offer, or what became of it."""
        self.offers[signed.hash] = signed
        self._save()

    def remove(self, offer: Hash) -> None:
        """Forget an offer that nobody can fill any more."""
        if self.offers.pop(offer, None) is not None:
            self._save()

    def mark_held(self, offer: Hash, matcher: str, *, held: bool) -> None:
        """Note that a matcher has an offer in its book, or has not."""
        signed = self.offers[offer]
        rest = signed.held_by - {matcher}
        now = rest | {matcher} if held else rest
        if now != signed.held_by:
            self.put(replace(signed, held_by=frozenset(now)))

    def _save(self) -> None:
        rows = [
            {
                **signed.body,
                "held_by": sorted(signed.held_by),
                "is_wanted": signed.is_wanted,
            }
            for signed in self.offers.values()
        ]
        write_atomically(self._path, msgspec.json.encode(rows), 0o600)
