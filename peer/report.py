"""What a peer says of itself: `/v1/status` and readiness."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from peer.hosting.host import Host
from peer.hosting.retention import StorageRetention
from peer.offers.reconciler import OfferReconciler
from peer.policy.file import PolicyFile
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.units import Address
from wasmarket.serving.daemon import Loops
from wasmarket.serving.service import Readiness, ServiceStatus, build_status


@dataclass(frozen=True, slots=True)
class Report:
    """The parts that are asked; `reconciler` is None if this process makes no offers.

    `find_problems` says why receipts are not gone on with, and which duties fail.
    """

    deployment: Deployment
    wallet: Address
    policy: PolicyFile
    host: Host
    loops: Loops
    storage_retention: StorageRetention
    reconciler: OfferReconciler | None
    find_problems: Callable[[], list[str]]

    def status(self) -> ServiceStatus:
        """Return what the peer is doing; nothing in it is secret."""
        chain_view = self.host.chain_view
        head = chain_view.head.number if chain_view else None
        return build_status(
            self.deployment,
            head=head,
            indexed=head,
            extra={
                "peer": chain_view.peer if chain_view else None,
                "epoch": chain_view.epoch if chain_view else None,
                "wallet": self.wallet,
                "deals": {str(number): deal.state() for number, deal in self.host.deals.items()},
                "refusals": self._refusals(),
                "kept": [
                    {"deal": kept.deal, "bytes": kept.bytes, "until": kept.until}
                    for kept in self.storage_retention.kept
                ],
                "offers": self._offers(),
                "policy": self.policy.problem,
                "pinning": self.host.pinning,
            },
        )

    def readiness(self) -> Readiness:
        """Say whether the peer does all that it should, or why not."""
        reasons = self.loops.problems() + self.host.failures() + self.find_problems()
        if not reasons and self.host.chain_view is None:
            reasons.append(f"no peer is registered with this key and the wallet {self.wallet}")
        why = "; ".join(reasons)
        return Readiness(not why, why)

    def _refusals(self) -> dict[str, Any]:
        """Return by deal why its last assignment here was given back."""
        return {
            str(number): {"reason": int(why.reason), "detail": why.detail}
            for number, deal in self.host.deals.items()
            if (why := deal.last_refusal) is not None
        }

    def _offers(self) -> list[dict[str, Any]]:
        if self.reconciler is None:
            return []
        return [
            {
                "offer": hash_,
                "peer": signed.offer.peer,
                "developer": signed.offer.developer,
                "price": str(signed.offer.price),
                "valid_until": signed.offer.valid_until,
                "matchers": sorted(signed.held_by),
            }
            for hash_, signed in self.reconciler.chain_view.items()
            if signed.is_wanted
        ]
