"""When a change of gas fails the check: 3 % growth, a missed bar, a row on one side only."""

import json

import pytest

from bench.gas.comparison import find_excused, find_growth, find_misses, find_moves
from bench.gas.measures import BYTE, CODE_BAR, MEASURES, Measure
from bench.gas.results import PATH, Row, build_rows, dump_rows, load_figures
from wasmarket.kernel.errors import InvalidInput

pytestmark = pytest.mark.unit


def row(value, *, bar=None, name="claim", unit="gas"):
    return Row(Measure(name, bar, unit=unit), value)


@pytest.mark.parametrize("value", [0, 9_000, 10_000, 10_299, 10_300])
def test_find_growth__up_to_three_per_cent__passes(value):
    assert find_growth([row(value)], {"claim": 10_000}) == []


def test_find_growth__just_over_three_per_cent__is_named_with_both_figures():
    assert find_growth([row(10_301)], {"claim": 10_000}) == ["claim: 10,301, 3.1 % over 10,000"]


def test_find_growth__from_nothing__is_growth():
    assert find_growth([row(1)], {"claim": 0}) == ["claim: 1, 1 over 0"]


def test_find_growth__code__may_grow_up_to_its_bar():
    grown = row(2_000, bar=2_000, unit=BYTE)

    assert find_growth([grown], {"claim": 1_000}) == []
    assert find_misses([grown]) == []


def test_find_growth__operation_without_committed_figure__fails():
    assert find_growth([row(5)], {}) == ["claim: 5 measured, nothing committed"]


def test_find_growth__committed_figure_without_operation__fails():
    assert find_growth([], {"claim": 5}) == ["claim: 5 committed, not measured any more"]


def test_find_misses__at_the_bar__passes():
    assert find_misses([row(50, bar=50), row(10**9, bar=None), row(0, bar=0)]) == []


@pytest.mark.parametrize(("value", "bar"), [(51, 50), (1, 0)])
def test_find_misses__above_the_bar__is_named(value, bar):
    [said] = find_misses([row(value, bar=bar), row(1, bar=1)])

    assert said == f"claim: {value} gas, at most {bar} allowed"


def test_find_moves__any_difference__is_told():
    rows = [row(10_001), row(7, name="stop"), row(1, name="new")]

    assert find_moves(rows, {"claim": 10_000, "stop": 7}) == ["claim: 10,000 → 10,001"]


def test_build_rows__missing_or_unlisted_operation__is_refused():
    figures = {measure.name: 1 for measure in MEASURES}
    del figures["stop a deal"]

    with pytest.raises(InvalidInput, match="differ: stop a deal"):
        build_rows(figures)
    with pytest.raises(InvalidInput, match="differ: dance"):
        build_rows(figures | {"stop a deal": 1, "dance": 1})


def test_dump_rows__round_trip__keeps_figures_and_names_peers():
    rows = build_rows({measure.name: index for index, measure in enumerate(MEASURES)})

    text = dump_rows("Anvil", rows)

    assert load_figures(text) == {row.measure.name: row.value for row in rows}
    first, *_, last = json.loads(text)["rows"]
    assert first == {
        "measure": "create a deal and match 1 peer, from tokens",
        "value": 0,
        "unit": "gas",
        "better": "lower",
        "bar": 190_000,
        "peer": {"name": "Fluence 0.14, create and match (cited)", "value": 1_314_053},
    }
    assert (last["unit"], last["bar"], last["peer"]) == ("byte", CODE_BAR, None)


@pytest.mark.parametrize("text", ["", "[]", '{"rows": [{}]}', '{"rows": [{"measure": "x"}]}'])
def test_load_figures__another_format__says_what_to_run(text):
    with pytest.raises(InvalidInput) as caught:
        load_figures(text)

    assert caught.value.remedy == "run `make gas`"


def test_committed_file__is_what_the_measures_say():
    """The bars and the cited figures in the file are those of the code."""
    committed = PATH.read_text(encoding="utf-8")
    machine = json.loads(committed)["machine"]

    assert dump_rows(machine, build_rows(load_figures(committed))) == committed


def test_find_misses__with_an_excuse__is_printed_and_does_not_fail():
    excused = Row(Measure("top up", 50, excuse="two reads"), 51)

    assert find_misses([excused]) == []
    assert find_excused([excused]) == ["top up: 51 gas, at most 50 allowed: two reads"]
    assert find_excused([Row(Measure("top up", 50, excuse="two reads"), 50)]) == []
