"""A market in memory: a fake chain, the real indexer into a real store, and a matcher on top."""

import asyncio
import json
import secrets
import threading
from dataclasses import dataclass, field

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client import CollectorRegistry

from indexer.loop import IndexLoop
from indexer.progress import Board
from matcher.offers.app_traits import AppReader
from matcher.run import build_matcher
from matcher.settings import MatcherSettings
from tests.matcher.plain_offers import make_ask, make_bid
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.addresses import ZERO_HASH, to_hash
from wasmarket.kernel.errors import Reverted
from wasmarket.kernel.events import Assigned, Committed, DealCreated, Matched, PeerRegistered
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.selection.peer_document import PeerDocument
from wasmarket.kernel.selection.signed_document import sign_peer_document
from wasmarket.kernel.selection.sites import sites
from wasmarket.kernel.selection.wishes import hash_wish, parse_wish
from wasmarket.kernel.signing.identity import sign_identity
from wasmarket.kernel.signing.offers import DeveloperOffer, dump_offer
from wasmarket.kernel.signing.requests import Request, sign_request
from wasmarket.kernel.signing.signatures import sign
from wasmarket.kernel.signing.targets import target_body, target_path
from wasmarket.kernel.signing.typed_data import (
    Domain,
    digest,
    hash_offer,
    hash_permit,
    market_domain,
)
from wasmarket.serving.peers.documents import PATH as DOCUMENT
from wasmarket.testing.fake_chain import FakeChain, fake_deployment
from wasmarket.testing.fake_sender import FakeSender

USDC_NAME = "Test USDC"
FOREVER = 2**32


def peer_key(number):
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


def make_account(number):
    return Account.from_key(keccak(f"account {number}".encode()))


@dataclass
class Ledger:
    """What the fake contracts answer; a test changes it."""

    free: dict = field(default_factory=dict)
    counters: dict = field(default_factory=dict)
    approved: set = field(default_factory=set)
    cancelled: set = field(default_factory=set)
    tokens: dict = field(default_factory=dict)
    allowances: dict = field(default_factory=dict)
    peers: dict = field(default_factory=dict)
    refused: dict = field(default_factory=dict)
    evictable: set = field(default_factory=set)
    deals: dict = field(default_factory=dict)
    assignments: int = 0
    reason: str = ""


def signed_target(name, units, domain, key, now):
    """Return what shows that a developer wants so many units of an offer for now."""
    body = target_body(units).encode()
    nonce = to_hash(secrets.token_bytes(32))
    request = Request("PUT", target_path(name), body, now + 60, nonce)
    return {"target_authorization": sign_request(request, domain, key)}


class Http:
    """Sends requests to an app without a socket."""

    def __init__(self, app):
        self.app = app
        self.come_from("127.0.0.1")

    def come_from(self, address):
        """Send what follows from another address."""
        self.transport = httpx.ASGITransport(
            self.app, raise_app_exceptions=False, client=(address, 123)
        )

    def request(self, method, target, **options):
        async def send():
            async with httpx.AsyncClient(transport=self.transport, base_url="http://m") as client:
                return await client.request(method, target, **options)

        return asyncio.run(send())

    def get(self, target, **options):
        return self.request("GET", target, **options)

    def post(self, target, **options):
        return self.request("POST", target, **options)


class FakeTown:
    """Everything a matcher needs, and the people of the market."""

    def __init__(self, database, **settings):
        self.deployment = fake_deployment()
        self.chain = FakeChain(self.deployment)
        self.database = database
        self.ledger = Ledger()
        self.developer, self.provider, self.other = (make_account(n) for n in range(3))
        self.account = make_account(99)
        self.domain = market_domain(self.deployment.chain_id, self.deployment.market)
        self.sender = FakeSender(self.chain, self.account.address)
        self.settings = MatcherSettings(
            sources=("http://content",),
            **({"book_seconds": 0.0, "peer_check_seconds": 0} | settings),
        )
        self.posted = []
        self.documents = {}
        self.content = {}
        self.measured = {}
        self.peer_answer = 202
        self.at_endpoint = {}
        self.clock = 0.0
        self.wall = 1_000_000.0
        self.indexer = IndexLoop(database, self.chain, self.deployment, Board(CollectorRegistry()))
        self._answer()
        self.matcher = self.build()
        self.http = Http(self.matcher.app)
        self.index()

    def build(self, sender=None):
        """Make a matcher process on this store; the one before is as if killed."""
        transport = httpx.MockTransport(self._receive_notice)
        return build_matcher(
            self.settings,
            database=self.database,
            deployment=self.deployment,
            reader=self.chain,
            sender=sender or self.sender,
            version="test",
            http=httpx.Client(transport=transport),
            create_peer_http=lambda: httpx.AsyncClient(
                transport=httpx.MockTransport(self._answer_challenge)
            ),
            apps=AppReader(("http://content",), 5.0, httpx.MockTransport(self._give_content)),
            gateways=httpx.MockTransport(self._tell_measurements),
            clock=lambda: self.clock,
            wall=lambda: self.wall,
        )

    def index(self):
        """Let the indexer catch up."""
        self.indexer._leader.acquire()
        self.indexer.step(threading.Event())

    def ask_peers(self):
        """Let the matcher note its peers, and ask those whose time has come."""
        self.index()
        self.matcher.checks.take_in()
        return self.matcher.checks.step()

    def ask_gateways(self):
        """Let the matcher ask the gateways what they measured."""
        self.index()
        return self.matcher.latencies.step()

    def measure(self, gateway, peer, us, answered=50, ago=0, region="DE"):
        """Let a gateway have measured a peer so long ago."""
        told = self.measured.setdefault(gateway, {"region": region, "peers": {}})
        told["peers"][peer] = {
            "peer": peer,
            "answered": answered,
            "p90_us": us,
            "last_at": int(self.wall) - ago,
        }

    def turn(self):
        """Let the indexer catch up and the matcher take a turn."""
        self.index()
        found = self.matcher.settlement_loop.take_turn()
        for loop in self.matcher.loops:
            # No thread takes turns here: what the loops would have done is done.
            loop.turns["ok"] += 1
        return found

    def register_peer(self, number=1, provider=None, **members):
        owner = (provider or self.provider).address
        terms = {
            "key": to_hash(peer_key(number).public_key().public_bytes_raw()),
            "units": 4,
            "memory_mib": 1_024,
            "region": 0,
            "traits": 0,
            "wallet": owner,
            "endpoint": f"http://peer{number}",
        }
        self.ledger.peers[number] = owner
        self.chain.mine(PeerRegistered(peer=number, provider=owner, **(terms | members)))
        self.index()

    def ask(self, peer=1, price=10, **members):
        return make_ask(peer, price, **({"valid_until": FOREVER} | members))

    def bid(self, **members):
        return make_bid(self.developer.address, **({"valid_until": FOREVER} | members))

    def signed(self, offer, account, **members):
        name = hash_offer(offer)
        signature = sign(digest(self.domain, name), account.key).to_hex()
        body = {"offer": dump_offer(offer), "signature": signature}
        if "target" in members:
            now = self.chain.head.timestamp
            body |= signed_target(name, members["target"], self.domain, account.key, now)
        if "wish" in members:
            asked = digest(self.domain, hash_wish(parse_wish(members["wish"]), name))
            body["wish_signature"] = sign(asked, account.key).to_hex()
        return body | members

    def post_ask(self, offer, account=None):
        body = self.signed(offer, account or self.provider)
        return self.http.post("/v1/provider-offers", json=body)

    def post_bid(self, offer, account=None, **members):
        body = self.signed(offer, account or self.developer, **members)
        return self.http.post("/v1/developer-offers", json=body)

    def status(self, offer):
        return self.http.get(f"/v1/developer-offers/{hash_offer(offer)}").json()

    def fund(self, amount=10**9, account=None):
        """Give the developer tokens that Market may take."""
        owner = (account or self.developer).address
        self.ledger.tokens[owner] = self.ledger.allowances[owner] = amount

    def permit(self, value, nonce=0, deadline=FOREVER, account=None):
        owner = account or self.developer
        struct = hash_permit(owner.address, self.deployment.market, value, nonce, deadline)
        signature = sign(digest(self._permit_domain(), struct), owner.key).to_hex()
        return {"value": str(value), "deadline": str(deadline), "signature": signature}

    def _permit_domain(self):
        return Domain(USDC_NAME, "1", self.deployment.chain_id, self.deployment.usdc.address)

    def signed_request(self, method, target, account, value=None, http=None, nonce=None):
        """Send a signed request, with a JSON body if there is a value."""
        body = b"" if value is None else json.dumps(value).encode()
        nonce = nonce or to_hash(secrets.token_bytes(32))
        request = Request(method, target, body, self.chain.head.timestamp + 60, nonce)
        headers = {"Authorization": sign_request(request, self.domain, account.key)}
        if value is not None:
            headers["Content-Type"] = "application/json"
        return (http or self.http).request(method, target, headers=headers, content=body)

    def _answer(self):
        chain, ledger = self.chain, self.ledger
        chain.answer(
            "Market",
            "account_word",
            lambda a: ledger.counters.get(a, 0) << 128 | ledger.free.get(a, 0),
        )
        chain.answer(
            "Market",
            "offer_word",
            lambda a, h: (_hex(h) in ledger.approved) | (_hex(h) in ledger.cancelled) << 1,
        )
        chain.answer("Market", "peer_word", lambda p: int(ledger.peers.get(p, "0x0"), 16))
        chain.answer("MarketLens", "why", lambda o, f, c: ledger.refused.get(f[0], 0))
        chain.answer("MarketLens", "evictable", lambda ids: [i in ledger.evictable for i in ids])
        chain.answer("TestUSDC", "balanceOf", lambda a: ledger.tokens.get(a, 0))
        chain.answer("TestUSDC", "allowance", lambda a, _: ledger.allowances.get(a, 0))
        chain.answer("TestUSDC", "nonces", 0)
        chain.answer("TestUSDC", "name", USDC_NAME)
        chain.answer("TestUSDC", "DOMAIN_SEPARATOR", self._permit_domain().separator())
        chain.handle("Market", "match", self._match)
        chain.handle("Proofs", "commit", self._commit)

    def _commit(self, caller, epoch, commitments):
        """Take the pulse, which is all that a matcher commits."""
        for peer, _ in commitments:
            yield Committed(peer, epoch, ZERO_HASH)

    def _match(self, caller, offer, r, vs, fills, current, permit):
        """Accept every fill whole, as the real one does with what the engine computes."""
        if self.ledger.reason:
            raise Reverted(self.ledger.reason)
        terms = DeveloperOffer(*(tuple(m) if isinstance(m, list) else m for m in offer))
        name = hash_offer(terms)
        is_first = name not in self.ledger.deals
        deal = self.ledger.deals.setdefault(name, len(self.ledger.deals) + 1)
        for fill in fills:
            self.ledger.assignments += 1
            yield Assigned(
                self.ledger.assignments, deal, fill[0], fill[7], fill[2], to_hash(b"\1" * 32)
            )
        if is_first:
            yield DealCreated(
                deal, terms.developer, name, terms.app, terms.deposit, 2**32 - 1, terms.meter
            )
        yield Matched(deal, caller, sum(fill[7] for fill in fills), 0)

    def _give_content(self, request):
        async def chunks():
            yield self.content[request.url.path]

        known = request.url.path in self.content
        return httpx.Response(200, content=chunks()) if known else httpx.Response(404)

    def _tell_measurements(self, request):
        """Answer as a gateway does, a thousand peers a page."""
        told = self.measured.get(f"{request.url.scheme}://{request.url.host}")
        if told is None:
            raise httpx.ConnectError("nobody there")
        if isinstance(told, bytes):
            content = told
        else:
            after = int(request.url.params.get("after", 0))
            peers = [told["peers"][n] for n in sorted(told["peers"]) if n > after][:1_000]
            by = {"name": "gw", "region": told["region"]}
            content = json.dumps({"measured_by": by, "peers": peers}).encode()

        async def chunks():
            yield content

        return httpx.Response(200, content=chunks())

    def _answer_challenge(self, request):
        """Answer as whoever is at an endpoint: by default the peer that it was made for."""
        host = request.url.host
        number = int(host.removeprefix("peer")) if host.startswith("peer") else 0
        found = self.at_endpoint.get(host, (peer_key(number), number))
        if found is None:
            raise httpx.ConnectError("nobody there")
        key, peer = found
        if request.url.path == DOCUMENT:
            return self._answer_document(host)
        challenge = request.url.params["challenge"]
        identity = sign_identity(key, self.domain, peer, challenge)

        async def chunks():
            yield json.dumps(
                {
                    "peer": peer,
                    "key": identity.key,
                    "challenge": challenge,
                    "signature": "0x" + identity.signature.hex(),
                }
            ).encode()

        return httpx.Response(200, content=chunks())

    def _answer_document(self, host):
        told = self.documents.get(host)

        async def chunks():
            yield told

        return httpx.Response(404) if told is None else httpx.Response(200, content=chunks())

    def say(self, number=1, *, site=None, key=None, **members):
        """Let a peer say something of itself, signed; returns the document."""
        document = PeerDocument(
            **{
                "chain_id": self.domain.chain_id,
                "market": self.domain.contract,
                "peer": number,
                "issued": self.chain.head.timestamp,
                "expires": self.chain.head.timestamp + 86_400,
                "site": None if site is None else sites()[site],
            }
            | members
        )
        content, signature = sign_peer_document(key or peer_key(number), document)
        self.documents[f"peer{number}"] = b'{"document":%b,"signature":"0x%b"}' % (
            content,
            signature.hex().encode(),
        )
        return document

    def _receive_notice(self, request):
        self.posted.append((str(request.url), request.read()))
        if self.peer_answer is None:
            raise httpx.ConnectError("nobody there")
        return httpx.Response(self.peer_answer)


def _hex(value):
    return value if isinstance(value, str) else "0x" + bytes(value).hex()
