"""A bid is an offer signed by the developer, with a permit only for what is missing."""

from dataclasses import replace

import pytest

from wasmarket.chain.contracts.bindings import Erc20, Market
from wasmarket.chain.sending.wallet import Account
from wasmarket.client.developer_offers import Requirement, renew_permit, sign_bid
from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.errors import Conflict, InvalidInput, Unfunded
from wasmarket.kernel.signing.offers import DeveloperOffer, parse_offer
from wasmarket.kernel.signing.signatures import parse_signature, recover
from wasmarket.kernel.signing.typed_data import Domain, digest, hash_permit, market_domain
from wasmarket.testing.fake_chain import FakeChain, fake_deployment

pytestmark = pytest.mark.unit

DEVELOPER = Account.from_key(b"\x09" * 32)
APP = "0x" + "ab" * 32
NOW = 1_000
WISH = Requirement(units=2, max_price=100, deposit=1_000, tip=50)


class Bidder:
    """A developer with so much in Market, in the wallet, and allowed to Market."""

    def __init__(self, *, free=0, held=10_000, allowed=0, counter=3, version="1"):
        self.deployment = fake_deployment()
        self.chain = FakeChain(self.deployment)
        self.token = Domain("USD Coin", version, 31337, self.deployment.usdc.address)
        self.chain.answer("Market", "account_word", counter << 128 | free)
        for function, value in (
            ("balanceOf", held),
            ("allowance", allowed),
            ("nonces", 7),
            ("name", self.token.name),
            ("DOMAIN_SEPARATOR", self.token.separator()),
        ):
            self.chain.answer("TestUSDC", function, value)

    def bid(self, requirement=WISH):
        return sign_bid(
            requirement,
            APP,
            DEVELOPER,
            self.deployment,
            Market(self.chain, self.deployment),
            Erc20(self.chain, self.deployment.usdc.address),
            NOW,
        )

    def renew(self, bid, *, is_unfunded=False):
        usdc = Erc20(self.chain, self.deployment.usdc.address)
        return renew_permit(bid, DEVELOPER, self.deployment, usdc, is_unfunded=is_unfunded)


def permit_signer(bidder, permit, value, nonce=7):
    struct = hash_permit(
        DEVELOPER.address, bidder.deployment.market, value, nonce, int(permit["deadline"])
    )
    return recover(digest(bidder.token, struct), parse_signature(permit["signature"], field="s"))


def test_bid__is_signed_by_the_developer_for_this_market():
    bidder = Bidder()

    bid = bidder.bid()

    domain = market_domain(31337, bidder.deployment.market)
    offer = parse_offer(DeveloperOffer, bid.body["offer"])
    signature = parse_signature(bid.body["signature"], field="signature")
    assert offer == bid.offer
    assert recover(digest(domain, to_bytes(bid.hash)), signature) == DEVELOPER.address
    assert (offer.counter, offer.valid_until, offer.app) == (3, NOW + 86_400, APP)


def to_bytes(text):
    return text if isinstance(text, bytes) else to_hash(bytes.fromhex(text[2:]))


def test_bid__twice__is_two_offers():
    bidder = Bidder()

    assert bidder.bid().hash != bidder.bid().hash


@pytest.mark.parametrize(("free", "missing"), [(0, 1_050), (50, 1_000), (1_049, 1)])
def test_bid__money_in_the_wallet__comes_with_a_permit_for_what_is_missing(free, missing):
    bidder = Bidder(free=free)

    permit = bidder.bid().body["permit"]

    assert permit["value"] == str(missing)
    assert permit["deadline"] == str(NOW + 86_400)
    assert permit_signer(bidder, permit, missing) == DEVELOPER.address


@pytest.mark.parametrize("held", [{"free": 1_050, "held": 0}, {"allowed": 1_050}])
def test_bid__money_that_market_can_take__needs_no_permit(held):
    assert "permit" not in Bidder(**held).bid().body


def test_bid__allowance_of_too_little__comes_with_a_permit():
    assert Bidder(allowed=1_049).bid().body["permit"]["value"] == "1050"


def test_bid__token_with_version_2__permit_is_under_its_own_domain():
    bidder = Bidder(version="2")

    assert permit_signer(bidder, bidder.bid().body["permit"], 1_050) == DEVELOPER.address


def test_bid__token_with_a_foreign_domain__asks_for_a_deposit_instead():
    with pytest.raises(Conflict, match="permits of token") as caught:
        Bidder(version="3").bid()

    assert "wasmarket wallet deposit" in (caught.value.remedy or "")
    assert "permit" not in Bidder(version="3", free=1_050).bid().body


def test_bid__too_little_money__says_what_is_there_and_what_is_needed():
    with pytest.raises(Unfunded) as caught:
        Bidder(free=49, held=1_000).bid()

    assert "holds 0.001000 USDC and 0.000049 free" in caught.value.detail
    assert "0.001050" in caught.value.detail
    assert caught.value.field == "deposit"


@pytest.mark.parametrize(
    "change",
    [{"units": 0}, {"min_units": 3}, {"units": 2**20}, {"providers_mode": 3}],
)
def test_bid__terms_that_market_refuses__are_not_signed(change):
    with pytest.raises(InvalidInput):
        Bidder().bid(replace(WISH, **change))


def test_renew__nonce_was_used_by_another_offer__is_signed_for_the_next():
    bidder = Bidder(free=50)
    bid = bidder.bid()
    bidder.chain.answer("TestUSDC", "nonces", 8)

    renewed = bidder.renew(bid)

    assert renewed.hash == bid.hash
    assert permit_signer(bidder, renewed.body["permit"], 1_000, nonce=8) == DEVELOPER.address


@pytest.mark.parametrize("held", [{}, {"allowed": 1_050}, {"free": 1_050}])
def test_renew__permit_still_holds_or_none_is_needed__changes_nothing(held):
    bidder = Bidder(**held)

    assert bidder.renew(bidder.bid()) is None


@pytest.mark.parametrize(("free", "allowed"), [(1_050, 0), (50, 0), (0, 1_050)])
def test_renew__free_balance_is_promised_to_another_offer__covers_the_whole_cost(free, allowed):
    bidder = Bidder(free=free, allowed=allowed)

    renewed = bidder.renew(bidder.bid(), is_unfunded=True)

    assert renewed.body["permit"]["value"] == "1050"
    assert bidder.renew(renewed, is_unfunded=True) is None


def test_renew__nothing_in_the_wallet__has_nothing_to_promise():
    bidder = Bidder(free=1_050, held=0)

    assert bidder.renew(bidder.bid(), is_unfunded=True) is None
