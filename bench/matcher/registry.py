"""All measures of `bench.matcher`: a measure is a function that yields rows."""

from collections.abc import Callable, Iterator, Mapping

from bench.matcher import answers, changes, documents, feed, one_deal, start, throughput
from bench.matcher.auction import hard_rounds, rounds
from bench.matcher.rows import Row
from bench.matcher.service import offers, quotes

Measure = Callable[[], Iterator[Row]]

MEASURES: Mapping[str, Measure] = {
    "one-deal": one_deal.measure,
    "throughput": throughput.measure,
    "changes": changes.measure,
    "start": start.measure,
    "answers": answers.measure,
    "feed": feed.measure,
    "documents": documents.measure,
    "http": quotes.measure,
    "offers": offers.measure,
    "rounds": rounds.measure,
    "hard-rounds": hard_rounds.measure,
}
"""By the name that the command takes, in the order of the table. Each runs in its own process."""


def take_rows(name: str) -> list[Row]:
    """Return the rows of one measure."""
    return list(MEASURES[name]())
