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

    found = to_sentences(Explanation(30, 10, (binding, idle), ()))

    assert found == ("10 of 30 units can be had now", words)
