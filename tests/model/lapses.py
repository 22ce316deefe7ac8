"""Let one deal lapse several times, each time refilled: an old run ends where it ended."""

from tests.model.driven import DrivenMachine, Line
from tests.model.terms import DeveloperOffer

LINE: Line = (1, 3, 1, None)
"""One unit of the second peer."""
FUNDED = (2, 4, 3)
"""Epochs that the deal's money lasts in its first run, in its second, and so on around."""


class LapsingMachine(DrivenMachine):
    """What random steps hardly reach: runs of a deal that lapsed, one after another."""

    def lapse_often(self, times: int) -> None:
        """Let a deal lapse so many times, with epochs proven and unproven, and run once more."""
        if not times:
            return
        price = LINE[1]
        offer = self._offer(
            "other_developer",
            units=1,
            deposit=FUNDED[0] * price,
            tip=0,
            valid_until=self.law.clock.now + 10**6,
        )
        self._open("matcher", offer, [LINE])
        for turn in range(times):
            self._run_dry(offer, FUNDED[turn % len(FUNDED)])
            funded = FUNDED[(turn + 1) % len(FUNDED)]
            deal = self._deal_of(offer)
            self.call("market", "top_up", offer.developer, deal, funded * price)
            self._match(self.roles["matcher"], offer, None, [LINE], [])
        self._activate_newest()
        assert self.law.market.deals[deal].run == times

    def _run_dry(self, offer: DeveloperOffer, funded: int) -> None:
        """Activate; prove the first epoch; let time pass until the money is gone, and one more."""
        self._activate_newest()
        clock = self.law.clock
        for epoch in range(funded + 1):
            self.travel((clock.epoch + 1) * clock.epoch_seconds)
            if epoch == 0:
                peer = self._peer(LINE[0])
                wallet = self.law.market.peers[peer].wallet
                self.call("proofs", "commit", wallet, clock.epoch - 1, [(peer, b"\4" * 32)])

    def _activate_newest(self) -> None:
        wallet = self.law.market.peers[self._peer(LINE[0])].wallet
        self.call("market", "activate", wallet, [self.law.market.assignments_made])

    def _deal_of(self, offer: DeveloperOffer) -> int:
        return self.law.market.deal_of[offer.developer, self.law.market.key_of(offer)]
