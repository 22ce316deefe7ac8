"""Arguments of Aqua functions, checked before a script goes on its way."""

import pytest

from wasmarket.kernel.documents.aqua_types import FlowInterface
from wasmarket.kernel.errors import InvalidInput

pytestmark = pytest.mark.unit

INTERFACE = FlowInterface(
    (("n", "u8"), ("points", "[]Point"), ("note", "?string"), ("tell", "string -> ()")),
    ("u32",),
    {"Point": {"x": "i32", "y": "?f64"}},
)


@pytest.mark.parametrize(
    "given",
    [
        {"n": 255, "points": []},
        {"n": 0, "points": [{"x": -1}], "note": ["a"]},
        [1, [{"x": 1, "y": [0.5]}], []],
    ],
)
def test_bind__what_fits__is_taken_by_name(given):
    bound = INTERFACE.bind(given)

    assert set(bound) == {"n", "points", "note"}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"points": []}, "n"),
        ({"n": 256, "points": []}, "n"),
        ({"n": True, "points": []}, "n"),
        ({"n": 1, "points": [{"x": "a"}]}, "points[0].x"),
        ({"n": 1, "points": [{"x": 1, "y": [1, 2]}]}, "points[0].y"),
        ({"n": 1, "points": [], "note": "a"}, "note"),
        ({"n": 1, "points": [], "tell": 1}, "tell"),
        ({"n": 1, "points": [], "more": 1}, "more"),
        ([1, []], None),
        ("text", None),
    ],
)
def test_bind__what_does_not_fit__names_the_place(given, field):
    with pytest.raises(InvalidInput) as raised:
        INTERFACE.bind(given)
    assert raised.value.field == field
