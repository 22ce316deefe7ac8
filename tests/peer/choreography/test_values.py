"""Built-ins that depend on their arguments alone."""

import pytest

from peer.choreography.builtins.values import build_value_functions
from wasmarket.kernel.errors import InvalidInput

pytestmark = pytest.mark.unit

FUNCTIONS = build_value_functions()


def ask(name, *arguments):
    service, function = name.split(".")
    return FUNCTIONS[service, function](list(arguments))


@pytest.mark.parametrize(
    ("name", "arguments", "value"),
    [
        ("op.noop", [], {}),
        ("op.identity", [[7]], [7]),
        ("op.identity", [], {}),
        ("op.array", [1, "a", None], [1, "a", None]),
        ("op.array_length", [[1, 2]], 2),
        ("op.concat", [[1], [], [2, 3]], [1, 2, 3]),
        ("op.concat_strings", ["a", "", "b"], "ab"),
        ("op.string_to_b58", ["hello"], "Cn8eVZg"),
        ("op.string_from_b58", ["Cn8eVZg"], "hello"),
        ("op.bytes_to_b58", [[0, 1]], "12"),
        ("op.bytes_from_b58", ["12"], [0, 1]),
        ("op.sha256_string", ["hello"], "QmRN6wdp1S2A5EtjW9A3M1vKSBuQQGcgvuhoMUoEz4iiT5"),
        ("math.add", [2, 3], 5),
        ("math.div", [-7, 2], -3),
        ("math.rem", [-7, 2], -1),
        ("math.pow", [2, 10], 1024),
        ("math.pow", [-1, 4_000_000_001], -1),
        ("math.log", [2, 1023], 9),
        ("math.fmul", [10, 0.66], 6),
        ("math.fmul", [-1.5, 1], -2),
        ("cmp.gte", [2, 2], True),
        ("cmp.lt", [2, 2], False),
        ("cmp.cmp", [1, 2], -1),
        ("array.sum", [[1, 2, 3]], 6),
        ("array.dedup", [["a", "b", "a"]], ["a", "b"]),
        ("array.intersect", [["a", "b"], ["b", "c"]], ["b"]),
        ("array.diff", [["a", "b"], ["b", "c"]], ["a"]),
        ("array.sdiff", [["a", "b"], ["b", "c"]], ["a", "c"]),
        ("array.slice", [[1, 2, 3], 1, 3], [2, 3]),
        ("array.length", [[]], 0),
        ("json.obj", ["a", 1, "b", [2]], {"a": 1, "b": [2]}),
        ("json.put", [{"a": 1}, "a", 2], {"a": 2}),
        ("json.puts", [{}, "a", 1, "b", 2], {"a": 1, "b": 2}),
        ("json.obj_pairs", [[["a", 1]]], {"a": 1}),
        ("json.puts_pairs", [{"b": 2}, [["a", 1]]], {"b": 2, "a": 1}),
        ("json.parse", ['{"a":[1.5]}'], {"a": [1.5]}),
        ("json.stringify", [{"a": None}], '{"a":null}'),
        ("debug.stringify", [], "<empty argument list>"),
        ("debug.stringify", [1, "a"], '[1,"a"]'),
    ],
)
def test_builtin__called__answers_as_fluence_peers_do(name, arguments, value):
    assert ask(name, *arguments) == value


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("math.add", [2**63 - 1, 1]),
        ("math.add", [1]),
        ("math.add", [1, True]),
        ("math.div", [1, 0]),
        ("math.div", [-(2**63), -1]),
        ("math.rem", [1, 0]),
        ("math.pow", [2, 4_000_000_000]),
        ("math.log", [1, 5]),
        ("math.fmul", [1e308, 1e308]),
        ("array.slice", [[1], 1, 0]),
        ("array.slice", [[1], 0, 2]),
        ("json.obj", ["a"]),
        ("json.obj", [1, 2]),
        ("json.put", [[], "a", 1]),
        ("json.parse", ["{"]),
        ("json.parse", ["[" * 100_000]),
        ("op.string_from_b58", ["0"]),
        ("op.string_from_b58", ["2" * 600]),
        ("op.bytes_to_b58", [[256]]),
        ("op.bytes_to_b58", [[1] * 5_000]),
        ("op.concat", [[1], "a"]),
        ("op.concat_strings", ["a" * 600_000, "a" * 600_000]),
    ],
)
def test_builtin__with_arguments_that_do_not_fit__says_so(name, arguments):
    with pytest.raises(InvalidInput):
        ask(name, *arguments)
