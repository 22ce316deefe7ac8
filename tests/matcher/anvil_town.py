"""The market on Anvil with the real contracts: deploy, people, an indexer and matchers."""

import secrets
import threading
from dataclasses import replace

import httpx
from prometheus_client import CollectorRegistry

from indexer.loop import IndexLoop
from indexer.progress import Board
from matcher.run import build_matcher
from matcher.settings import MatcherSettings
from tests.contracts.driver.planned import create_from, deploy_planned
from tests.matcher.fake_town import Http, signed_target
from tests.matcher.plain_offers import FOREVER, make_ask, make_bid
from wasmarket.chain.contracts.bindings import Erc20, Faucet, Market, MarketLens, Proofs, Staking
from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.deploying.plan import LOCAL, build_plan
from wasmarket.chain.development.dev_accounts import dev_accounts
from wasmarket.chain.sending.sender import Sender
from wasmarket.kernel.events import PeerRegistered
from wasmarket.kernel.signing.offers import dump_offer
from wasmarket.kernel.signing.signatures import sign
from wasmarket.kernel.signing.typed_data import digest, hash_offer, hash_permit, market_domain
from wasmarket.kernel.units import FLT

PARAMETERS = LOCAL


def deploy(anvil, **parameters):
    """Deploy everything as the deployment script does, from the first development account."""
    deployer = dev_accounts()[0].address
    plan = build_plan(deployer, 0, replace(PARAMETERS, **parameters))
    return deploy_planned(anvil.rpc, plan, create_from(anvil.rpc, deployer))


class AnvilTown:
    """People on a deployed market."""

    def __init__(self, anvil, deployment):
        self.anvil, self.rpc, self.deployment = anvil, anvil.rpc, deployment
        self.developer, self.provider, self.other, self.first, self.second = dev_accounts()[1:6]
        self.domain = market_domain(deployment.chain_id, deployment.market)
        kinds = (Market, Staking, Proofs, MarketLens, Faucet)
        self.market, self.staking, self.proofs, self.lens, self.faucet = (
            kind(self.rpc, deployment) for kind in kinds
        )
        self.usdc = Erc20(self.rpc, deployment.usdc.address)
        self.flt = Erc20(self.rpc, deployment.flt.address)

    def sender(self, account, **options):
        return Sender(
            self.rpc,
            account,
            chain_id=self.deployment.chain_id,
            decoder=Decoder(self.deployment),
            **({"poll": 0.02} | options),
        )

    def send(self, account, contract, function, *args):
        return self.sender(account).send(contract.call(function, *args))

    def settle_in(self):
        """Fund everybody; register one peer of each provider."""
        for account in (self.developer, self.provider, self.other):
            self.send(account, self.faucet, "drip", account.address)
        for number, account in enumerate((self.provider, self.other), 1):
            self.send(account, self.flt, "approve", self.staking.address, 400 * FLT)
            self.send(account, self.staking, "deposit", 400 * FLT)
            receipt = self.send(
                account,
                self.market,
                "register_peer",
                bytes([number]) * 32,
                4,
                1_024,
                number,
                0,
                account.address,
                f"http://127.0.0.1:{number}",
            )
            assert receipt.find(PeerRegistered)[0].peer == number

    def ask(self, peer, price, **members):
        return make_ask(peer, price, **members)

    def bid(self, **members):
        terms = {"max_price": 2_000, "deposit": 100_000, "salt": secrets.randbits(64)}
        return make_bid(self.developer.address, **(terms | members))

    def sign(self, offer, account):
        return sign(digest(self.domain, hash_offer(offer)), account.key)

    def permit(self, value):
        struct = hash_permit(
            self.developer.address,
            self.deployment.market,
            value,
            self.usdc.permit_nonce(self.developer.address),
            FOREVER,
        )
        domain = self.usdc.permit_domain(self.deployment.chain_id)
        signature = sign(digest(domain, struct), self.developer.key).to_hex()
        return {"value": str(value), "deadline": str(FOREVER), "signature": signature}

    def pass_epoch(self, *proving):
        """Go to the first second of the next epoch; those peers prove the one before.

        Somebody shows that the chain took proofs of it.
        """
        now = self.rpc.fetch_head().timestamp
        epoch = now // 60
        self.anvil.cheats.set_next_timestamp((epoch + 1) * 60)
        self.anvil.cheats.mine()
        self.send(self.second, self.proofs, "commit", epoch, [(0, 0)])
        owners = {1: self.provider, 2: self.other}
        for peer in proving:
            commitments = [(peer, b"\7" * 32)]
            self.send(owners[peer], self.proofs, "commit", epoch, commitments)


class Operator:
    """One matcher with a store and an indexer of its own."""

    def __init__(self, town, database, account, sender=None, **settings):
        self.town, self.database, self.account = town, database, account
        self.settings = MatcherSettings(
            **({"book_seconds": 0.0, "peer_check_seconds": 0} | settings)
        )
        self.indexer = IndexLoop(database, town.rpc, town.deployment, Board(CollectorRegistry()))
        self.sent_notices = []
        self.matcher = self.build(sender or town.sender(account))
        self.http = Http(self.matcher.app)
        self.index()

    def build(self, sender):
        def receive(request):
            self.sent_notices.append((str(request.url), request.read()))
            return httpx.Response(202)

        return build_matcher(
            self.settings,
            database=self.database,
            deployment=self.town.deployment,
            reader=self.town.rpc,
            sender=sender,
            version="test",
            http=httpx.Client(transport=httpx.MockTransport(receive)),
        )

    def index(self):
        self.indexer._leader.acquire()
        self.indexer.step(threading.Event())

    def turn(self):
        self.index()
        took = self.matcher.settlement_loop.take_turn()
        self.index()
        return took

    def post(self, path, offer, account, **members):
        signature = self.town.sign(offer, account).to_hex()
        body = {"offer": dump_offer(offer), "signature": signature}
        if "target" in members:
            now, domain = self.town.rpc.fetch_head().timestamp, self.town.domain
            name = hash_offer(offer)
            body |= signed_target(name, members["target"], domain, account.key, now)
        body |= members
        return self.http.post(path, json=body)

    def post_asks(self, *asks):
        owners = {1: self.town.provider, 2: self.town.other}
        for ask in asks:
            answer = self.post("/v1/provider-offers", ask, owners[ask.peer])
            assert answer.status_code == 201, answer.text

    def post_bid(self, bid, **members):
        answer = self.post("/v1/developer-offers", bid, self.town.developer, **members)
        assert answer.status_code == 201, answer.text

    def status(self, bid):
        return self.http.get(f"/v1/developer-offers/{hash_offer(bid)}").json()

    def deal(self, number=1):
        return self.http.get(f"/v1/deals/{number}").json()

    def units_by_peer(self, number=1):
        return {a["peer"]: a["units"] for a in self.deal(number)["assignments"]}
