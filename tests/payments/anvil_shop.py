"""A payment gateway in this process, on a real chain; its processor is in memory."""

from dataclasses import dataclass

from payments.run import PaymentsChain
from tests.payments.shop import Shop
from wasmarket.chain.contracts.bindings import Erc20
from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.development.anvil import Anvil
from wasmarket.chain.development.dev_accounts import dev_accounts
from wasmarket.chain.sending.fates import FateReader
from wasmarket.chain.sending.sender import Sender

TREASURY = dev_accounts()[7]


@dataclass
class TreasuryChain:
    """The real thing where other tests have a node in memory."""

    anvil: Anvil
    deployment: object
    patience: float = 20.0
    bump_after: float = 20.0

    @property
    def usdc(self):
        return Erc20(self.anvil.rpc, self.deployment.usdc.address)

    def sender(self):
        return Sender(
            self.anvil.rpc,
            TREASURY,
            chain_id=self.deployment.chain_id,
            decoder=Decoder(self.deployment),
            timeout=self.patience,
            bump_after=self.bump_after,
            poll=0.02,
        )


class AnvilShop(Shop):
    """A gateway on a real chain; the processor is in memory."""

    def connect(self):
        rpc = self.node.anvil.rpc
        fates = FateReader(rpc, TREASURY.address)
        return PaymentsChain(
            rpc, self.node.sender(), fates, rpc.fetch_balance, lambda: rpc.fetch_head().timestamp
        )

    def mine(self, blocks=1):
        self.node.anvil.cheats.mine(blocks)

    def held_by(self, account):
        return self.node.usdc.balance(account)
