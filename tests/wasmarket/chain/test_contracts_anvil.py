"""The bindings against the real contracts."""

from types import SimpleNamespace

import pytest

from tests.contracts.driver.planned import create_from, deploy_planned
from wasmarket.chain.contracts.abi import load_abi
from wasmarket.chain.contracts.bindings import Erc20, Faucet, Market, MarketLens, Proofs, Staking
from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.contracts.fills import MatchPermit, build_fill
from wasmarket.chain.contracts.packed_words import AccountWord
from wasmarket.chain.contracts.views import OnchainStake
from wasmarket.chain.deploying.plan import LOCAL, build_plan
from wasmarket.chain.development.anvil import Anvil
from wasmarket.chain.development.dev_accounts import dev_accounts
from wasmarket.chain.reading.follower import Follower
from wasmarket.chain.sending.sender import Sender
from wasmarket.chain.sending.transactions import ContractCall
from wasmarket.kernel.addresses import ZERO_ADDRESS, to_hash
from wasmarket.kernel.errors import Reverted, WrongChain
from wasmarket.kernel.events import (
    Activated,
    Assigned,
    DealCreated,
    Deposited,
    FillSkipped,
    PeerRegistered,
)
from wasmarket.kernel.reasons import FillReason
from wasmarket.kernel.signing.offers import DeveloperOffer, ProviderOffer
from wasmarket.kernel.signing.signatures import sign
from wasmarket.kernel.signing.typed_data import digest, hash_offer, hash_permit, market_domain
from wasmarket.kernel.units import FLT, USDC

pytestmark = pytest.mark.anvil

PARAMETERS = LOCAL
FOREVER = 2**40


def deploy(anvil):
    """Deploy everything as `ape run deploy` does, from the first development account."""
    deployer = dev_accounts()[0].address
    plan = build_plan(deployer, 0, PARAMETERS)
    return deploy_planned(anvil.rpc, plan, create_from(anvil.rpc, deployer))


@pytest.fixture(scope="module")
def base():
    """A node with the contracts, a developer and a provider with one peer of four units."""
    with Anvil.start() as anvil:
        yield build_town(anvil, deploy(anvil))


@pytest.fixture
def town(base):
    """The base, put back after each test."""
    snapshot = base.anvil.cheats.snapshot()
    yield base
    base.anvil.cheats.revert(snapshot)


def build_town(anvil, deployment):
    rpc = anvil.rpc
    _, developer, provider = dev_accounts()[:3]
    senders = {
        account: Sender(rpc, account, chain_id=31337, decoder=Decoder(deployment), poll=0.02)
        for account in (developer, provider)
    }
    contracts = [kind(rpc, deployment) for kind in (Market, Staking, Proofs, MarketLens, Faucet)]
    town = SimpleNamespace(
        anvil=anvil,
        rpc=rpc,
        deployment=deployment,
        developer=developer,
        provider=provider,
        usdc=Erc20(rpc, deployment.usdc.address),
        flt=Erc20(rpc, deployment.flt.address),
        as_developer=senders[developer],
        as_provider=senders[provider],
    )
    town.market, town.staking, town.proofs, town.lens, town.faucet = contracts
    for account, sender in senders.items():
        sender.send(town.faucet.call("drip", account.address))
    town.as_provider.send(town.flt.call("approve", town.staking.address, 400 * FLT))
    town.as_provider.send(town.staking.call("deposit", 400 * FLT))
    town.registered = town.as_provider.send(register(town, b"http://127.0.0.1:1"))
    return town


def register(town, endpoint, units=4):
    """Encode by hand, so that the endpoint's bytes can be anything."""
    function = load_abi("Market").function("register_peer")
    wallet = town.provider.address
    data = bytearray(function.encode([b"\1" * 32, units, 512, 9, 1, wallet, "x" * len(endpoint)]))
    start = data.rindex(b"x" * len(endpoint))
    data[start : start + len(endpoint)] = endpoint
    return ContractCall(town.market.address, bytes(data), "Market.register_peer")


def build_offers(town, **changes):
    ask = ProviderOffer(1, 0, 1000, ZERO_ADDRESS, FOREVER, 0, 1)
    members = {
        "developer": town.developer.address,
        "app": "0x" + "ab" * 32,
        "min_units": 1,
        "units": 2,
        "max_units_per_provider": 0,
        "min_regions": 0,
        "meter": ZERO_ADDRESS,
        "max_price": 1500,
        "epochs": 0,
        "deposit": 100_000,
        "min_memory_mib": 128,
        "regions": 0,
        "traits": 0,
        "providers": (),
        "providers_mode": 0,
        "matcher": ZERO_ADDRESS,
        "tip": 0,
        "valid_until": FOREVER,
        "counter": 0,
        "salt": 1,
    }
    return ask, DeveloperOffer(**(members | changes))


def sign_offer(town, offer, account):
    domain = market_domain(31337, town.market.address)
    return sign(digest(domain, hash_offer(offer)), account.key)


def test_check_deployment__right_chain__passes(town):
    town.rpc.check_deployment(town.deployment)


def test_check_deployment__another_anvil__says_what_to_do(town):
    with Anvil.start() as other, pytest.raises(WrongChain, match="no contract at") as caught:
        other.rpc.check_deployment(town.deployment)
    assert "another Anvil" in caught.value.remedy

    with Anvil.start(chain_id=7) as other, pytest.raises(WrongChain, match="is chain 7"):
        other.rpc.check_deployment(town.deployment)


def test_read__contract_not_there__is_wrong_chain(town):
    with Anvil.start() as other, pytest.raises(WrongChain, match="no such contract"):
        Market(other.rpc, town.deployment).account(town.developer.address)


def test_deposit__by_allowance__shows_in_events_words_and_views(town):
    town.as_developer.send(town.usdc.call("approve", town.market.address, 50 * USDC))

    receipt = town.as_developer.send(town.market.call("deposit", 50 * USDC))

    account = town.developer.address
    assert receipt.find(Deposited) == [Deposited(account, 50 * USDC, 50 * USDC)]
    assert town.market.account(account) == AccountWord(free=50 * USDC, counter=0)
    assert town.market.account(account, block=receipt.block_number - 1).free == 0
    assert town.usdc.balance(town.market.address) == 50 * USDC
    assert receipt.logs[0].timestamp == town.rpc.fetch_head(receipt.block_hash).timestamp


def test_send__refused_by_market__gives_its_reason(town):
    with pytest.raises(Reverted) as caught:
        town.as_developer.send(town.market.call("withdraw", 1, town.developer.address))

    assert caught.value.reason
    assert ": " in caught.value.reason


def test_register_peer__shows_in_event_words_and_lens(town):
    [event] = town.registered.find(PeerRegistered)
    [word], [extra] = town.market.peers([1]), town.market.peer_extras([1])
    [view] = town.lens.peers([1])

    provider = town.provider.address
    assert (event.peer, event.provider, event.endpoint) == (1, provider, "http://127.0.0.1:1")
    assert (word.provider, word.units, word.used, word.memory_mib, word.region) == (
        provider,
        4,
        0,
        512,
        9,
    )
    assert (extra.wallet, extra.traits) == (provider, 1)
    assert (view.provider, view.units, view.wallet, view.traits) == (provider, 4, provider, 1)
    assert town.staking.stake(provider) == OnchainStake(0, 400 * FLT, 0, 0)
    assert town.market.peers([99])[0].provider == ZERO_ADDRESS


@pytest.mark.parametrize("endpoint", [b"\xff\xfe\0\x80", b"http://x\0y"])
def test_register_peer__endpoint_that_is_no_text__is_followed(town, endpoint):
    town.as_provider.send(town.flt.call("approve", town.staking.address, 100 * FLT))
    town.as_provider.send(town.staking.call("deposit", 100 * FLT))

    receipt = town.as_provider.send(register(town, endpoint, units=1))

    [event] = receipt.find(PeerRegistered)
    assert "\ufffd" in event.endpoint


def test_register_peer__dirty_padding__is_followed(town):
    town.as_provider.send(town.flt.call("approve", town.staking.address, 100 * FLT))
    town.as_provider.send(town.staking.call("deposit", 100 * FLT))
    clean = register(town, b"http://a", units=1)
    dirty = ContractCall(clean.to, clean.data[:-24] + b"\xee" * 24, clean.description)

    receipt = town.as_provider.send(dirty)

    assert [event.endpoint for event in receipt.find(PeerRegistered)] == ["http://a"]


def test_match__signed_offers_and_permit__makes_a_deal(town):
    ask, bid = build_offers(town)
    domain = town.usdc.permit_domain(31337)
    assert to_hash(domain.separator()) == town.usdc.domain_separator()
    nonce = town.usdc.permit_nonce(town.developer.address)
    permit = hash_permit(town.developer.address, town.market.address, 100_000, nonce, FOREVER)
    signature = sign(digest(domain, permit), town.developer.key)
    unknown = build_fill(ProviderOffer(7, 0, 1000, ZERO_ADDRESS, FOREVER, 0, 1), 1)
    fill = build_fill(ask, 2, sign_offer(town, ask, town.provider))
    assert town.lens.why(bid, fill) == 0
    assert town.lens.why(bid, unknown) == FillReason.NO_PEER

    receipt = town.as_provider.send(
        town.market.match(
            bid,
            sign_offer(town, bid, town.developer),
            [unknown, fill],
            permit=MatchPermit(100_000, FOREVER, signature.r, signature.vs),
        )
    )

    app = "0x" + "ab" * 32
    assert receipt.find(FillSkipped) == [FillSkipped(1, 7, FillReason.NO_PEER)]
    assert receipt.find(Assigned) == [Assigned(1, 1, 1, 2, 1000, hash_offer(ask))]
    [created] = receipt.find(DealCreated)
    assert (created.developer, created.offer, created.app) == (bid.developer, hash_offer(bid), app)
    [deal] = town.market.deals([1])
    assert (deal.balance, deal.units, deal.rate) == (100_000, 2, 0)
    [view] = town.lens.deals([1])
    assert (view.developer, view.balance, view.units) == (bid.developer, 100_000, 2)
    [offer] = town.market.offers([(bid.developer, hash_offer(bid))])
    assert offer.deal == 1
    [word] = town.market.assignments([1])
    assert (word.deal, word.peer, word.units, word.price, word.state) == (1, 1, 2, 1000, 1)
    assert town.market.domain_separator() == to_hash(
        market_domain(31337, town.market.address).separator()
    )


def test_lens__running_assignment__is_seen_through_its_life(town):
    town.as_developer.send(town.usdc.call("approve", town.market.address, 100_000))
    ask, bid = build_offers(town)
    fill = build_fill(ask, 2, sign_offer(town, ask, town.provider))
    match = town.market.match(bid, sign_offer(town, bid, town.developer), [fill])
    town.as_developer.send(match)

    receipt = town.as_provider.send(town.market.call("activate", [1]))

    [active] = receipt.find(Activated)
    [assignment] = town.lens.assignments([1])
    assert (assignment.start, assignment.state, assignment.alive) == (active.epoch, 2, True)
    town.anvil.cheats.increase_time(60)
    commitment = [{"peer": 1, "root": "0x" + "cd" * 32}]
    town.as_provider.send(town.proofs.call("commit", active.epoch, commitment))
    town.anvil.cheats.increase_time(60)
    assert town.proofs.is_proven(1, active.epoch)
    assert not town.proofs.is_proven(1, active.epoch + 1)
    [(paid, refund)] = town.lens.claimable([1])
    assert paid == 2000 * (65_536 - active.skipped) // 65_536
    assert refund == 0
    assert town.lens.evictable([1]) == [False]


def test_follower__real_history__gives_every_event_in_order(town):
    decoder = Decoder(town.deployment)
    blocks = list(Follower(town.rpc, town.deployment, decoder).poll([]))

    names = [type(log.event).__name__ for block in blocks for log in block.logs]
    assert names == ["OwnershipTransferred", "Stake", "PeerRegistered", "Stake"]
    assert not decoder.unknown
    assert blocks[-1].ref == town.rpc.fetch_head()
