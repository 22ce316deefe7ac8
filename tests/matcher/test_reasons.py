"""Sentences about an offer that has fewer units than it wants."""

import pytest

from matcher.engine.answers.explain import Exclusion, Explanation, Supply
from matcher.settlement.sentences import to_sentences

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (Supply(2, 8), "capacity excludes 8 units of 2 peers that everything else allows"),
        (Supply(0, 3), "capacity excludes 3 units that everything else allows"),
    ],
)
def test_sentences__what_binds__is_told_by_units_and_whole_peers(last, words):
    binding = Exclusion("capacity", Supply(9, 90), last)
    idle = Exclusion("region", Supply(9, 90), Supply(0, 0))

    found = to_sentences(Explanation(30, 10, (binding, idle), ("capacity",), ()))

    assert found == ("10 of 30 units can be had now", words)


@pytest.mark.parametrize(
    ("together", "words"),
    [
        (("regions", "traits"), "regions and traits together exclude more units"),
        (
            ("max_price", "regions", "traits"),
            "max_price, regions and traits together exclude more units",
        ),
        (("min_units",), "min_units excludes more units"),
        ((), "there are no more units, whatever the limits"),
    ],
)
def test_sentences__no_limit_alone_excludes__says_which_do_together(together, words):
    found = to_sentences(Explanation(8, 0, (), together, ()))

    assert found == ("0 of 8 units can be had now", words)


def test_sentences__has_all_that_it_wants__nothing_excludes():
    assert to_sentences(Explanation(8, 8, (), (), ())) == ("8 of 8 units can be had now",)
