"""`wasmarket aqua run --trace`: the way of a particle as a picture and a table."""

from types import SimpleNamespace

import pytest

from wasmarket.client.market.scripts import TraceStep
from wasmarket_cli.scripts.aqua import _show, _show_trace, draw_way

pytestmark = pytest.mark.unit


def step(peer, what, result="ok", at=0, receipt=""):
    known = dict.fromkeys(TraceStep.__dataclass_fields__, "")
    given = {"peer": peer, "what": what, "result": result, "at": at, "receipt": receipt}
    return TraceStep(**(known | {"duration_us": 0} | given))


STEPS = [
    step("peer 1", "op.noop", at=1_000),
    step("peer 1", "greeting.greeting", at=1_001, receipt="5:1:ab"),
    step("peer 1", "to peer 2"),
    step("peer 2", "shop.buy", "it trapped", at=1_009),
    step("peer 2", "problem", "no answer"),
]


def test_way__is_drawn_by_places_with_their_calls():
    assert draw_way(STEPS) == ("├─● peer 1: greeting.greeting\n└─● peer 2: shop.buy (it trapped)")
    assert draw_way([]) == ""
    assert draw_way([step("peer 1", "op.noop")]) == "└─● peer 1"


def test_trace__counts_milliseconds_from_the_first_step(capsys):
    _show_trace("abc", STEPS)

    told = capsys.readouterr().out
    assert "abc" in told
    assert "5:1" in told


def test_compiled__functions_are_shown_with_what_they_take_and_give(capsys):
    def function(name, arguments, results):
        interface = SimpleNamespace(arguments=arguments, results=results)
        return SimpleNamespace(name=name, interface=interface)

    found = [function("hello", [("name", "string")], ["string"]), function("ping", [], [])]
    _show(SimpleNamespace(functions={one.name: one for one in found}))

    assert capsys.readouterr().out == "hello(name: string) -> string\nping()\n"
