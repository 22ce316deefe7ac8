"""Three peers of a deal, one killed at each firing: each firing is one call all the same."""

import pytest

from peer.triggers.chain_events import PLACES
from peer.triggers.schedule import rank_peers
from tests.peer.apps import build_seeing
from tests.peer.peer_runner import publish, wait_until
from wasmarket.kernel.documents.app_parts import Limits
from wasmarket.kernel.documents.triggers import Trigger
from wasmarket_cli.local.plan import find_free_port

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(300)]
PATIENT = Limits(call_ms=20_000)
ABI = "DealBalance(uint256 indexed deal, address indexed who, uint256 balance)"


def make_trigger(world, deal, **options):
    return Trigger(
        "chain-event",
        "greeting",
        "seen",
        b"[]",
        contract=world.deployment.market,
        event=ABI,
        filters=f'{{"deal":["{deal}"]}}'.encode(),
        confirmations=0,
        overlap="queue",
        catch_up="all",
        grace_s=1,
        **options,
    )


def read_states(peer, deal):
    """Return what a peer knows of firings: their states by id."""
    told = peer.get(f"/v1/deals/{deal}/triggers").json()["triggers"]
    return {made["firing"]: made["state"] for one in told for made in one["recent"]}


def is_watching(peer, deal):
    """Say whether a peer reads events already."""
    told = peer.get(f"/v1/deals/{deal}/triggers").json()["triggers"]
    return bool(told) and told[0]["block"] is not None


def fire(world, deal):
    """Have the event logged; return the block that has it."""
    world.top_up(deal, 1_000_000)
    return world.rpc.fetch_block_number()


def find_firing(peers, deal, block):
    """Return the firing of a block's event once a peer has made its call, and those peers."""
    states = {peer.number: read_states(peer, deal) for peer in peers}
    made = {
        (firing, number)
        for number, known in states.items()
        for firing, state in known.items()
        if firing // PLACES == block and state == "answered"
    }
    return made


def test_firings__one_of_three_peers_killed_at_each__each_is_made_once_by_one_that_lives(
    world, make_peer
):
    peers = [make_peer(port=find_free_port()) for _ in range(3)]
    for peer in peers:
        peer.start()
        peer.move()
    # Deals are numbered in order, and the trigger has to name its own.
    number = (
        world.match(
            publish(peers[0].blocks, build_seeing(), limits=PATIENT), [peers[0].number]
        ).deal
        + 1
    )
    trigger = make_trigger(world, number)
    for peer in peers:
        app = publish(peer.blocks, build_seeing(), limits=PATIENT, triggers=(trigger,))
    deal = world.match(app, [peer.number for peer in peers]).deal
    assert deal == number
    for peer in peers:
        peer.wait_for_state(deal, "serving")
        wait_until("it watches", lambda peer=peer: is_watching(peer, deal))

    for _ in range(2):
        doomed = find_first(peers, trigger, (world.rpc.fetch_block_number() + 1) * PLACES)
        doomed.kill()
        firing = wait_for_call(world, [peer for peer in peers if peer is not doomed], deal)
        doomed.start()

        wait_for_others(peers, deal, firing)


def find_first(peers, trigger, firing):
    """Return the first in turn: if it dies, another has to take over."""
    return next(
        peer
        for peer in peers
        if not rank_peers(
            trigger, firing, peer.url, [other.url for other in peers if other is not peer]
        )
    )


def wait_for_call(world, living, deal):
    """Have the event logged; return its firing once one of these peers has made the call."""
    block = fire(world, deal)
    [(firing, _)] = wait_until("one made it", lambda: find_firing(living, deal, block))
    return firing


def wait_for_others(peers, deal, firing):
    """Wait until all peers but one have left the firing to that one."""
    wait_until(
        "all others have left it",
        lambda: (
            sorted(read_states(peer, deal).get(firing, "") for peer in peers)
            == ["answered", "left", "left"]
        ),
    )
