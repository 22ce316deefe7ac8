"""The package for functions in Python, outside of a component: on a developer's desk."""

from dataclasses import dataclass
from enum import Enum
from types import SimpleNamespace

import pytest

from wasmarket_guest import EffectorError, SiteRequest, SiteResponse, kv, log, u8, u32
from wasmarket_guest.shapes import Shapes, Unsuited, compile_convert, get_wit_name

pytestmark = pytest.mark.unit


class Tone(Enum):
    CALM = 1
    VERY_LOUD = 2


@dataclass
class Note:
    firstLine: str
    tone: Tone
    marks: list[u8]


@dataclass
class Book:
    notes: list[Note]
    title: str | None


@dataclass
class Loop:
    inner: "list[Loop]"


def test_effector__outside_of_a_component__says_how_to_run_it():
    with pytest.raises(EffectorError, match=r"list \[effectors.kv\] in app.toml"):
        kv.get("key")


def test_log__outside_of_a_component__goes_to_the_terminal(capsys):
    log.info("hello")

    assert capsys.readouterr().err == "info: hello\n"


@pytest.mark.parametrize(
    ("hint", "kind"),
    [
        (int, "s64"),
        (u32, "u32"),
        (bytes, {"list": "u8"}),
        (list[u8] | None, {"option": {"list": "u8"}}),
        (tuple[str, bool], {"tuple": ["string", "bool"]}),
        (Tone, {"named": "tone"}),
    ],
)
def test_annotation__of_a_kind__read_as_its_type(hint, kind):
    assert Shapes().read(hint) == kind


def test_dataclass__with_others_inside__all_named():
    shapes = Shapes()
    shapes.read(Book)

    assert shapes.named == {
        "book": {
            "record": [["notes", {"list": {"named": "note"}}], ["title", {"option": "string"}]]
        },
        "note": {
            "record": [
                ["first-line", "string"],
                ["tone", {"named": "tone"}],
                ["marks", {"list": "u8"}],
            ]
        },
        "tone": {"enum": ["calm", "very-loud"]},
    }


@pytest.mark.parametrize("hint", [set[int], int | str, dict[str, int], list, object, complex])
def test_annotation__that_json_cannot_fill__refused(hint):
    with pytest.raises(Unsuited):
        Shapes().read(hint)


@pytest.mark.parametrize("name", ["été", "_", "2nd", "a_2"])
def test_name__that_wit_cannot_have__refused(name):
    with pytest.raises(Unsuited):
        get_wit_name(name)


def test_values__of_the_bindings__become_the_modules_own_and_back():
    class BoundTone(Enum):
        CALM = 0
        VERY_LOUD = 1

    @dataclass
    class BoundNote:
        first_line: str
        tone: BoundTone
        marks: list[int]

    @dataclass
    class BoundBook:
        notes: list[BoundNote]
        title: str | None

    world = SimpleNamespace(Tone=BoundTone, Note=BoundNote, Book=BoundBook)
    bound = BoundBook([BoundNote("x", BoundTone.VERY_LOUD, [1])], None)
    own = Book([Note("x", Tone.VERY_LOUD, [1])], None)

    assert compile_convert(Book, world, inward=True)(bound) == own
    assert compile_convert(Book, world, inward=False)(own) == bound


def test_site__request_with_a_body__parsed():
    request = SiteRequest.parse(b"POST /a?b=c HTTP/1.1\r\nX-Name: Ada\r\n\r\nbody\r\n\r\nmore")

    assert (request.method, request.path, request.query) == ("POST", "/a", "b=c")
    assert (request.headers, request.body) == ({"x-name": "Ada"}, b"body\r\n\r\nmore")


def test_site__answer_with_a_line_break_in_a_header__refused():
    with pytest.raises(ValueError, match="more than one line"):
        SiteResponse("x", headers={"a": "b\r\nset-cookie: c"}).write()
