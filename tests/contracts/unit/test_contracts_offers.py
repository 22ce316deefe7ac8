"""Offers: who signed or published them, and how they are taken back."""

import ape
import pytest

from tests.contracts.driver.stage import field, skips
from tests.contracts.driver.typed_data import Domain, Signature
from tests.model.terms import ZERO

pytestmark = pytest.mark.anvil

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def other_root(signature: Signature) -> Signature:
    """The second signature that the curve gives for free: (r, n - s) and the other parity."""
    value = int.from_bytes(signature.vs, "big")
    parity, s = value >> 255, value & (1 << 255) - 1
    return Signature(signature.r, word((ORDER - s) % 2**255 | (1 - parity) << 255))


def test_domain_separator__this_chain_and_market__is_eip_712(world):
    assert world.view("market", "domain_separator") == world.domain.separator


@pytest.mark.parametrize("count", [0, 1, 2, 16])
def test_match__list_of_providers__is_hashed_as_eip_712_says(world, peer, provider, count):
    others = [world.roles["stranger"], world.roles["matcher"]] * 8
    providers = tuple(([provider, *others])[:count])
    offer = world.bid(providers=providers)

    outcome = world.match(offer, [world.fill(peer)])

    assert field(outcome, "DealCreated", "offer") == world.domain.hash_of(offer)


def test_match__every_field_set__is_hashed_as_eip_712_says(world, peer, provider, matcher):
    offer = world.bid(
        min_units=1,
        units=3,
        max_units_per_provider=2,
        min_regions=1,
        max_price=5_000,
        epochs=9,
        deposit=50_000,
        min_memory_mib=7,
        regions=1 << 255 | 1,
        providers=(provider,),
        providers_mode=1,
        matcher=matcher,
        tip=11,
        salt=2**256 - 1,
        valid_until=2**256 - 1,
    )
    fill = world.fill(peer, developer=offer.developer, salt=2**255 + 1)

    outcome = world.match(offer, [fill])

    assert field(outcome, "Assigned", "offer") == world.domain.hash_of(fill.offer)


def test_publish__developer_offer__needs_no_signature(world, peer, developer):
    offer = world.bid()
    key = world.domain.hash_of(offer)

    outcome = world.market.publish(key, b"the offer", by=developer)

    assert field(outcome, "OfferPublished", "data") == b"the offer"
    assert len(world.match(offer, [world.fill(peer)], signer=None).events) == 3


def test_publish__provider_offer__needs_no_signature(world, peer, provider):
    fill = world.fill(peer, signer=None)
    world.market.publish(world.domain.hash_of(fill.offer), b"", by=provider)

    _, ids, _ = world.open(fill)

    assert ids == [1]


def test_publish__full_kilobyte__is_broadcast(world, developer):
    outcome = world.market.publish(word(1), b"x" * 1_024, by=developer)

    assert len(field(outcome, "OfferPublished", "data")) == 1_024


def test_publish__by_another__approves_nothing(world, peer, stranger):
    offer = world.bid()
    world.market.publish(world.domain.hash_of(offer), b"", by=stranger)

    with ape.reverts("matching: bad signature"):
        world.match(offer, [world.fill(peer)], signer=None)


def test_cancel__developer_offer__never_matches(world, peer, developer):
    offer = world.bid()
    outcome = world.market.cancel(world.domain.hash_of(offer), by=developer)

    assert field(outcome, "OfferCancelled", "hash") == world.domain.hash_of(offer)
    with ape.reverts("matching: offer cancelled"):
        world.match(offer, [world.fill(peer)])


def test_cancel__then_publish__stays_cancelled(world, peer, developer):
    offer = world.bid()
    world.market.cancel(world.domain.hash_of(offer), by=developer)
    world.market.publish(world.domain.hash_of(offer), b"", by=developer)

    with ape.reverts("matching: offer cancelled"):
        world.match(offer, [world.fill(peer)])


def test_cancel__by_another__changes_nothing(world, peer, stranger):
    offer = world.bid()
    world.market.cancel(world.domain.hash_of(offer), by=stranger)

    assert len(world.match(offer, [world.fill(peer)]).events) == 3


def test_bump_counter__developer__kills_older_offers_only(world, peer, developer):
    old = world.bid()
    outcome = world.market.bump_counter(by=developer)

    assert field(outcome, "CounterBumped", "counter") == 1
    with ape.reverts("matching: wrong counter"):
        world.match(old, [world.fill(peer)])
    assert len(world.match(world.bid(), [world.fill(peer)]).events) == 3


def test_bump_counter__provider__kills_its_standing_offers(world, peer, other_peer, provider):
    old = world.fill(peer)
    world.market.bump_counter(by=provider)

    outcome = world.match(world.bid(), [old, world.fill(other_peer), world.fill(peer)])

    assert skips(outcome) == [4]


@pytest.mark.parametrize("how", ["deposit", "take", "stop", "claim"])
def test_bump_counter__money_comes_in_later__older_offers_stay_dead(
    world, peer, developer, provider, how
):
    deal, ids = world.run(peer)
    world.prove_epochs(2, peer)
    old = world.bid(), world.fill(peer)
    for account in (developer, provider):
        world.market.bump_counter(by=account)
    if how == "deposit":
        world.market.deposit(5, by=developer)
        world.market.deposit(5, by=provider)
    elif how == "take":
        world.market.take(deal, 5, by=developer)
    elif how == "stop":
        world.market.stop(deal, by=developer)
    else:
        world.market.claim(ids, by=provider)
        assert world.free(provider) > 0

    with ape.reverts("matching: wrong counter"):
        world.match(old[0], [world.fill(peer)])
    assert skips(world.match(world.bid(), [old[1], world.fill(peer)])) == [4]


def test_bump_counter__deal_running__goes_on(world, peer, developer):
    deal, [assignment] = world.run(peer)
    world.market.bump_counter(by=developer)
    world.next_epoch(3)

    assert world.deal(deal)["status"] == 2
    assert world.assignment(assignment)["alive"]


@pytest.mark.parametrize("signer", ["stranger", "provider", "matcher", None])
def test_match__developer_did_not_sign__reverts(world, peer, signer):
    with ape.reverts("matching: bad signature"):
        world.match(world.bid(), [world.fill(peer)], signer=signer and world.roles[signer])


@pytest.mark.parametrize(
    "forged",
    [
        Signature(word(1), word(1)),
        Signature(word(0), word(1)),
        Signature(word(1), word(0)),
        Signature(word(ORDER), word(5)),
        Signature(word(2**256 - 1), word(2**256 - 1)),
    ],
)
def test_match__forged_signature__reverts(world, peer, forged):
    with ape.reverts("matching: bad signature"):
        world.match(world.bid(), [world.fill(peer)], signer=forged)
    assert world.view("market", "counts_word") == 1


def test_match__second_root_of_a_signature__reverts(world, peer, developer):
    offer = world.bid()
    malleable = other_root(world.domain.sign(offer, world.chain.keys[developer]))

    with ape.reverts("matching: bad signature"):
        world.match(offer, [world.fill(peer)], signer=malleable)


def test_match__signed_for_another_market__reverts(world, peer, developer):
    offer = world.bid()
    elsewhere = Domain("Wasmarket", world.chain.chain_id, world.contracts["staking"].address)

    with ape.reverts("matching: bad signature"):
        signature = elsewhere.sign(offer, world.chain.keys[developer])
        world.match(offer, [world.fill(peer)], signer=signature)


def test_match__signed_for_another_chain__reverts(world, peer, developer):
    offer = world.bid()
    elsewhere = Domain("Wasmarket", 1, world.contracts["market"].address)

    with ape.reverts("matching: bad signature"):
        signature = elsewhere.sign(offer, world.chain.keys[developer])
        world.match(offer, [world.fill(peer)], signer=signature)


@pytest.mark.parametrize("forged", [None, Signature(word(1), word(1)), Signature(word(0), word(0))])
@pytest.mark.parametrize("deposit", [0, 1_000])
def test_match__developer_is_nobody__reverts(world, peer, forged, deposit):
    offer = world.bid(developer=ZERO, deposit=deposit)

    with ape.reverts("matching: bad signature"):
        world.match(offer, [world.fill(peer)], signer=forged)


@pytest.mark.parametrize("forged", [None, Signature(word(1), word(1))])
@pytest.mark.parametrize("units", [0, 1])
def test_match__peer_of_nobody__never_acts(world, peer, forged, units):
    unknown = world.fill(99, units, signer=forged)

    outcome = world.match(world.bid(), [unknown, world.fill(peer)])

    assert skips(outcome) == [1]


@pytest.mark.parametrize(
    "change", [{"price": 999}, {"valid_until": 2**255}, {"salt": 1}, {"developer": "developer"}]
)
def test_match__provider_signed_something_else__skips(world, peer, other_peer, provider, change):
    signed = world.domain.sign(world.ask(peer), world.chain.keys[provider])
    change = {k: world.roles.get(v, v) if isinstance(v, str) else v for k, v in change.items()}

    outcome = world.match(
        world.bid(), [world.fill(peer, signer=signed, **change), world.fill(other_peer)]
    )

    assert skips(outcome) == [13]
