"""Proofs: one bit for each peer and epoch, set in time by the peer's wallet."""

import ape
import pytest

from tests.contracts.driver.stage import ROOT, field

pytestmark = pytest.mark.anvil


def test_commit__last_epoch__sets_the_bit(world, peer, wallet):
    world.next_epoch()
    epoch = world.epoch - 1

    outcome = world.proofs.commit(epoch, [(peer, ROOT)], by=wallet)

    assert outcome.events[0].fields == {"peer": peer, "epoch": epoch, "root": ROOT}
    assert world.view("proofs", "is_proven", peer, epoch)
    assert not world.view("proofs", "is_proven", peer, epoch - 1)
    assert not world.view("proofs", "is_proven", peer + 1, epoch)


def test_commit__again__first_root_stands_without_event(world, peer, wallet):
    world.next_epoch()
    world.prove(peer)

    outcome = world.proofs.commit(world.epoch - 1, [(peer, b"\4" * 32)], by=wallet)

    assert outcome.events == ()


def test_commit__several_peers__logs_each_once(world, peer, other_peer):
    world.next_epoch()
    world.prove(peer)

    outcome = world.proofs.commit(
        world.epoch - 1,
        [(peer, ROOT), (other_peer, ROOT), (other_peer, ROOT)],
        by=world.roles["wallet"],
    )

    assert field(outcome, "Committed", "peer") == other_peer


@pytest.mark.parametrize("ago", [0, -1, -(2**200)])
def test_commit__epoch_not_over__reverts(world, peer, wallet, ago):
    with ape.reverts("proofs: epoch not over"):
        world.proofs.commit(world.epoch - ago, [(peer, ROOT)], by=wallet)


@pytest.mark.parametrize("ago", [2, 3, 1_000_000])
def test_commit__epoch_final__reverts(world, peer, wallet, ago):
    with ape.reverts("proofs: epoch final"):
        world.proofs.commit(world.epoch - ago, [(peer, ROOT)], by=wallet)


def test_commit__last_second_of_the_window__counts(world, peer):
    world.next_epoch(1, 99)
    world.prove(peer)

    assert world.view("proofs", "is_proven", peer, world.epoch - 1)


@pytest.mark.parametrize("by", ["provider", "owner", "stranger", "developer"])
def test_commit__not_the_wallet__reverts(world, peer, by):
    world.next_epoch()

    with ape.reverts("proofs: not the wallet"):
        world.proofs.commit(world.epoch - 1, [(peer, ROOT)], by=world.roles[by])


def test_commit__one_peer_of_another_wallet__reverts_whole(world, peer, wallet):
    foreign = world.register(wallet="stranger")
    world.next_epoch()

    with ape.reverts("proofs: not the wallet"):
        world.proofs.commit(world.epoch - 1, [(peer, ROOT), (foreign, ROOT)], by=wallet)
    assert not world.view("proofs", "is_proven", peer, world.epoch - 1)


def test_commit__unknown_peer__reverts(world, peer, wallet):
    world.next_epoch()

    with ape.reverts("proofs: not the wallet"):
        world.proofs.commit(world.epoch - 1, [(99, ROOT)], by=wallet)


def test_commit__nothing__does_nothing(world, wallet):
    assert world.proofs.commit(world.epoch - 1, [], by=wallet).events == ()


def test_proven__empty_range__is_nothing(world, peer):
    assert world.view("proofs", "proven", peer, 5, 4) == (0, False)
