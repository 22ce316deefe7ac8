"""Text of strangers on a terminal: nothing in it is obeyed, all of it can be read."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmarket.kernel.terminal_text import clean_for_terminal, clean_lines_for_terminal

pytestmark = pytest.mark.unit

OBEYED = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode's categories of what is not shown but changes how other text is."""
SHOWN = set(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
"""Signs of numbers and the like, which Unicode counts among them though they are seen."""
ANY_TEXT = st.text(alphabet=st.characters())


def obeyed(text):
    """Return the characters of a text that are not shown but obeyed."""
    return {sign for sign in text if unicodedata.category(sign) in OBEYED} - SHOWN


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("\x7f", "\\x7f"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("file\u202egnp.exe", "file\\u202egnp.exe"),
        ("a\u2066b\u2069", "a\\u2066b\\u2069"),
        ("\ufeffa\u2028b", "\\ufeffa\\u2028b"),
        ("\ud83d", "\\ud83d"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_clean_for_terminal__control_or_bidi_character__shown_as_an_escape(text, shown):
    assert clean_for_terminal(text) == shown


@pytest.mark.parametrize("text", ["", "https://peer.example:8600/a?b=c", "Grüße, 世界 🎉 á"])
def test_clean_for_terminal__plain_text__unchanged(text):
    assert clean_for_terminal(text) == text


def test_clean_lines_for_terminal__lines_and_tabs__kept():
    assert clean_lines_for_terminal("a\n\tb\x1b[1A\rc") == "a\n\tb\\x1b[1A\\rc"


@given(ANY_TEXT)
def test_clean_for_terminal__any_text__one_line_of_visible_characters(text):
    cleaned = clean_for_terminal(text)

    assert not obeyed(cleaned)
    assert len(cleaned.splitlines()) <= 1
    cleaned.encode("utf-8")


@given(ANY_TEXT)
def test_clean_for_terminal__cleaned_text__is_clean(text):
    cleaned = clean_for_terminal(text)

    assert clean_for_terminal(cleaned) == cleaned


@given(ANY_TEXT)
def test_clean_lines_for_terminal__any_text__obeys_only_line_feeds_and_tabs(text):
    cleaned = clean_lines_for_terminal(text)

    assert obeyed(cleaned) <= {"\n", "\t"}
    assert cleaned.count("\n") == text.count("\n")


def test_clean_for_terminal__every_character_of_unicode__none_is_obeyed():
    every = "".join(map(chr, range(0x110000)))

    # NOTE: a newer Unicode may have more of them than the pattern: then this test says which.
    assert not obeyed(clean_for_terminal(every))
