"""What is kept of particles, and how much of it."""

import pytest

from peer.choreography.trail import MOST_ENTRIES, MOST_NAME, ServiceCall, Trails
from tests.peer.choreography.avm_bench import build_particle

pytestmark = pytest.mark.unit


def call(service="s"):
    return ServiceCall(0, "peer", service, "f" * 10_000, 0, 0)


def test_trail__with_many_calls__keeps_the_newest_with_names_cut():
    trail = Trails().open(build_particle(1, "(null)"))
    for number in range(MOST_ENTRIES + 10):
        trail.add_call(call(str(number)))

    assert len(trail.calls) == MOST_ENTRIES
    assert trail.calls[0].service == "10"
    assert len(trail.calls[0].function) == MOST_NAME


def test_trails__with_too_many_entries__forget_the_oldest():
    trails = Trails(most_entries=10)
    particles = [build_particle(1, "(null)") for _ in range(4)]
    for particle in particles:
        trail = trails.open(particle)
        for _ in range(4):
            trail.add_call(call())
    trails.prune()

    assert [bool(trails.find(particle.id)) for particle in particles] == [False, False, True, True]


def test_trails__of_one_id_by_two_initiators__are_told_apart():
    trails = Trails()
    one = build_particle(1, "(null)")
    other = build_particle(2, "(null)")
    other = type(one)(one.id, other.init_peer_id, 0, 0, "(null)", other.signature)
    trails.open(one)
    trails.open(other)

    assert [trail.initiator for trail in trails.find(one.id)] == [
        one.init_peer_id,
        other.init_peer_id,
    ]


def test_trail__where_the_initiator_cannot_be_reached__names_no_problem():
    particle = build_particle(1, "(null)")
    trail = Trails().open(particle)
    trail.add_sending(particle.init_peer_id, "no client here")
    trail.add_sending("another", "no client here")

    assert [sent.problem for sent in trail.sent] == ["no client here"] * 2
    assert list(trail.problems) == ["not sent to another: no client here"]
