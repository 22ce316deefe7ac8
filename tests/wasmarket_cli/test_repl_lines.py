"""What a line of `wasmarket repl` means, and how it goes on."""

import pytest

from wasmarket.kernel.errors import InvalidInput
from wasmarket_cli.developer.desk.repl_lines import (
    ReplCall,
    complete,
    describe_functions,
    parse_line,
)

pytestmark = pytest.mark.unit


def function(name, *arguments, output="string"):
    listed = [{"name": n, "type": t} for n, t in arguments]
    return {"name": name, "arguments": listed, "output": output}


SHOP = {
    "shop": {
        "functions": [
            function("add", ("a", "u64"), ("b", "u64")),
            function("greet", ("name", "string"), output=None),
            function("total", ("items", {"list": "Item"})),
            function("store", ("item", {"record": "Item"})),
            function("ping"),
        ]
    },
    "till": {"functions": [function("ping")]},
}


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("add 2 3", [2, 3]),
        ("shop.add  2   3 ", [2, 3]),
        ('add {"a": 2, "b": 3}', {"a": 2, "b": 3}),
        ('greet "a b"', ["a b"]),
        ("greet 'a b'", ["a b"]),
        ("greet Ada", ["Ada"]),
        ("greet", []),
        ('total [{"name": "tea", "price": 2}]', [[{"name": "tea", "price": 2}]]),
        ('store {"item": 1}', [{"item": 1}]),
        ('store {"name": "tea"}', [{"name": "tea"}]),
        ('greet {"name": "Ada"}', {"name": "Ada"}),
        ("greet 7up", ["7up"]),
    ],
)
def test_line__arguments__are_json_words_or_named(line, arguments):
    parsed = parse_line(line, SHOP)

    assert isinstance(parsed, ReplCall)
    assert parsed.service == "shop"
    assert parsed.arguments == arguments


@pytest.mark.parametrize(("line", "word"), [("", None), ("  ", None), ("quit", "quit")])
def test_line__that_calls_nothing__is_a_word_or_nothing(line, word):
    assert parse_line(line, SHOP) == word


@pytest.mark.parametrize("line", ["nope 1", "ping", "shop.nope", "greet 'open"])
def test_line__that_names_no_one_function_or_does_not_end__is_refused(line):
    with pytest.raises(InvalidInput):
        parse_line(line, SHOP)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("shop.a", ["shop.add"]),
        ("gr", ["shop.greet"]),
        ("q", ["quit"]),
        ("add ", ["0"]),
        ("add 1 ", ["0"]),
        ("add 1 2 ", []),
        ("greet ", ['"…"']),
        ("greet A", []),
        ("nope ", []),
        ("greet 'x ", []),
    ],
)
def test_completion__names_then_what_arguments_look_like(text, found):
    assert complete(text, SHOP) == found


def test_help__every_function__says_what_it_takes_and_answers():
    lines = describe_functions(SHOP)

    assert lines[0] == "shop.add(a: u64, b: u64) → string"
    assert lines[1] == "shop.greet(name: string) → nothing"
    assert len(lines) == 6
