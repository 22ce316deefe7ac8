"""After warming up, nothing that a matcher does waits for the compiler."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core.registry import CPUDispatcher

from matcher.engine.answers.explain import explain
from matcher.engine.answers.quotes import depth, quote
from matcher.engine.auction.match import match_round
from matcher.engine.index.order_book import OrderBook
from matcher.engine.warm_up import warm_up
from tests.matcher.markets import NOW, ask, demand, peer

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]


def count_versions():
    """Count by kernel for how many types of arguments there is machine code in this process."""
    return {
        (name, attribute): len(kernel.overloads)
        for name, module in list(sys.modules.items())
        if name.startswith("matcher.engine.")
        for attribute, kernel in vars(module).items()
        if isinstance(kernel, CPUDispatcher)
    }


def test_warm_up__parts_one_by_one__leave_nothing_to_the_whole():
    # Alone in its process: what other tests called would be compiled already.
    script = """
import sys

from numba.core.registry import CPUDispatcher

from matcher.engine.warm_up import PARTS, warm_up

{count_versions}

for part in PARTS:
    warm_up([part])
parts = count_versions()
warm_up()
assert count_versions() == parts, set(count_versions().items()) - set(parts.items())
"""
    script = script.replace("{count_versions}", inspect.getsource(count_versions))
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, timeout=600)


def test_warm_up__then_everything_a_matcher_does__needs_nothing_more():
    warm_up()
    warm = count_versions()
    assert sum(warm.values()) > 20
    book = OrderBook(NOW)
    for number in range(1, 9):
        book.put_peer(peer(number, region=number % 3))
        book.add(ask(number, price=number))
    book.remove(ask(8, price=8).hash)
    few = demand(units=6, min_regions=2)
    many = [demand(units=4, max_units_per_provider=2, salt=n) for n in range(1, 5)]

    match_round([few, *many], book)
    explain(demand(units=99, min_units=99), book)
    quote(few, book)
    depth(book)
    book.advance(NOW + 10_000)

    assert count_versions() == warm
