"""Several nodes as one: the next answers when one is silent, lies or is of another chain."""

from dataclasses import replace

import pytest

from wasmarket.chain.errors import ContradictoryAnswer
from wasmarket.chain.reading.identity import check_identity
from wasmarket.chain.reading.several_nodes import SeveralNodes
from wasmarket.kernel.errors import Unreachable
from wasmarket.testing.fake_chain import FakeChain, fake_deployment

pytestmark = pytest.mark.unit

DEPLOYMENT = fake_deployment()


def node(name, blocks=20, **options):
    chain = FakeChain(options.pop("deployment", DEPLOYMENT), **options)
    chain.origin = name
    chain.mine_many(blocks - 1)
    return chain


def several(*nodes, must_agree=False):
    return SeveralNodes(
        nodes, check=lambda one: check_identity(one, DEPLOYMENT), must_agree=must_agree
    )


def test_fetch_head__first_is_silent__the_next_answers_and_stays():
    first, second = node("first"), node("second")
    nodes = several(first, second)
    first.offline = True

    assert nodes.fetch_head() == second.head
    first.offline = False
    assert nodes.fetch_head() == second.head
    assert nodes.origin == "second"


def test_fetch_head__next_is_of_another_chain__is_left_out():
    stranger = node("stranger", deployment=replace(DEPLOYMENT, chain_id=999))
    first, third = node("first"), node("third", blocks=25)
    first.offline = True
    nodes = several(first, stranger, third)

    assert nodes.fetch_head() == third.head
    assert nodes.origin == "third"


def test_fetch_head__all_are_silent__says_why():
    nodes = several(node("first"), node("second"))
    for one in nodes._nodes:
        one.offline = True

    with pytest.raises(Unreachable):
        nodes.fetch_head()


def test_doubt__another_node_is_asked():
    nodes = several(node("first"), node("second", blocks=30))

    nodes.doubt()

    assert nodes.fetch_head().number == 30


def test_must_agree__one_is_far_behind__head_is_what_two_know():
    ahead, behind, stale = node("ahead", 30), node("behind", 28), node("stale", 5)

    head = several(ahead, behind, stale, must_agree=True).fetch_head()

    assert head == behind.head


def test_must_agree__one_on_a_fork__head_is_the_branch_of_two():
    forked, honest, other = node("forked"), node("honest"), node("other")
    forked.reorg(6)
    forked.mine_many(4)
    nodes = several(forked, honest, other, must_agree=True)

    assert nodes.fetch_headers(["latest", 3]) == [honest.head, honest.fetch_headers([3])[0]]
    assert nodes.origin in ("honest", "other")


def test_must_agree__two_on_branches__head_is_where_they_part():
    left, right = node("left"), node("right")
    right.reorg(4)

    assert several(left, right, must_agree=True).fetch_head().number == 16


def test_must_agree__nothing_in_common__is_refused_by_name():
    left, right = node("left", 40), node("right", 40)
    right.reorg(30)

    with pytest.raises(ContradictoryAnswer, match="left, right"):
        several(left, right, must_agree=True).fetch_head()


def test_must_agree__one_answers__says_that_two_must():
    left, right = node("left"), node("right")
    right.offline = True

    with pytest.raises(Unreachable, match="two must agree"):
        several(left, right, must_agree=True).fetch_head()
