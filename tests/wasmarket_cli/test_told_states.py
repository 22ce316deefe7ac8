"""What `status`, `explain` and `match verify` tell people: states that a quiet market never has."""

from types import SimpleNamespace

import pytest

from matcher.verify.findings import CHECKS, Findings
from matcher.verify.match import DealReport, MatchReport
from wasmarket.client.deal_peers.served_versions import ServedVersion
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.regions import region_index
from wasmarket.kernel.traits import trait_mask
from wasmarket_cli.developer.deals import (
    _hint_at_need,
    _name,
    _show_offer,
    _warn_of_runway,
    _write_served,
)
from wasmarket_cli.developer.matches import MOST_SHOWN, _show_report

pytestmark = pytest.mark.unit

MATCHER, STRANGER = "0x" + "11" * 20, "0x" + "22" * 20
TX, OFFER = "0x" + "33" * 32, "0x" + "44" * 32
APP, OLD = "0x" + "55" * 32, "0x" + "66" * 32


def deal(status, runway, *, lapsed_at=None, assignments=({},), meter=ZERO_ADDRESS):
    return {
        "id": 7,
        "meter": meter,
        "status": status,
        "runway": str(runway),
        "lapsed_at": lapsed_at,
        "assignments": list(assignments),
    }


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (deal("lapsed", 0, lapsed_at=1_700_000_000), "`wasmarket top-up 7 AMOUNT` brings it back"),
        (deal("lapsed", 0), "its money ran out: "),
        (deal("waiting", 9, assignments=()), "no peer has it now: `wasmarket explain 7` says why"),
        (
            deal("waiting", 9, lapsed_at=1_700_000_000, assignments=()),
            "its money had run out at ",
        ),
        (deal("running", 3), "its money lasts 3 more epochs (3 min), then it stops"),
        (deal("running", 1), "its money lasts 1 more epoch (1 min), then it stops"),
    ],
)
def test_status__deal_in_need__says_what_to_do(capsys, row, told):
    _hint_at_need(row, 60)

    assert told in capsys.readouterr().out


@pytest.mark.parametrize(
    "row",
    [
        deal("running", 4),
        deal("stopped", 0),
        deal("waiting", 9),
        deal("running", 0, meter="0x" + "77" * 20),
    ],
)
def test_status__deal_that_needs_nothing__says_nothing(capsys, row):
    _hint_at_need(row, 60)

    assert capsys.readouterr().out == ""


def test_status__all_deals__warns_of_those_that_end_soon(capsys):
    metered = deal("running", 0, meter="0x" + "77" * 20)
    for row in (deal("lapsed", 0), deal("running", 2), deal("running", 4), metered):
        _warn_of_runway(row)

    assert capsys.readouterr().out.splitlines() == [
        "deal 7 has run out of money: `wasmarket status 7`",
        "warning: deal 7 stops after 2 more epochs",
    ]


@pytest.mark.parametrize(
    ("version", "told"),
    [
        (None, ""),
        (ServedVersion(1, None), "it does not say"),
        (ServedVersion(1, APP), "the app"),
        (ServedVersion(1, OLD, APP), "(switching)"),
        (ServedVersion(1, OLD, APP, "health said no"), "(cannot switch: health said no)"),
        # The peer has read the chain further than the index.
        (ServedVersion(1, APP, OLD), "(switching)"),
        (ServedVersion(1, APP, OLD, "health said no"), "(cannot switch: health said no)"),
    ],
)
def test_status__version_that_a_peer_serves__is_told(version, told):
    assert _write_served(version, APP).endswith(told)


@pytest.mark.parametrize(("number", "next_step"), [(None, True), (7, False)])
def test_status__offer__points_to_its_explanation_until_it_is_a_deal(capsys, number, next_step):
    row = {"hash": OFFER, "status": "unmatched", "deal": number, "reasons": ["too dear"]}

    _show_offer(row, as_json=False)

    said = capsys.readouterr().out
    assert "too dear" in said
    assert (f"wasmarket explain {OFFER}" in said) is next_step


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("regions", 0, "anywhere"),
        ("regions", 1 << region_index("DE"), "DE"),
        ("traits", 0, "none"),
        ("traits", trait_mask(("kv",)), "kv"),
        ("max_price", "10000", "0.010000"),
        ("units", 5, "5"),
        ("providers", [STRANGER], STRANGER),
        ("providers", [], "nobody"),
    ],
)
def test_explain__value_of_a_wish__is_written_as_people_do(field, value, told):
    assert _name(field, value) == told


def test_explain__value_that_no_matcher_sends__is_refused():
    with pytest.raises(InvalidInput, match="not a wish's value"):
        _name("units", "\x1b[2J")


def match(findings):
    return MatchReport(SimpleNamespace(id=3, block=9), findings)


def verified():
    findings = Findings()
    for check in CHECKS:
        findings.compare(check, "book", "SHA-256", 1, 1)
    return findings


def differing(times):
    findings = Findings()
    for number in range(times):
        findings.compare("asks", f"ask {number}", "price", 1, 2)
    findings.note("the node has no state of that block")
    return findings


def test_verify__all_alike__says_verified(capsys):
    _show_report(DealReport(7, (match(verified()),), (), ()), MATCHER)

    assert "verified: 1 match of deal 7" in capsys.readouterr().out


def test_verify__differences__are_shown_up_to_a_number_with_what_to_read(capsys):
    _show_report(DealReport(7, (match(differing(MOST_SHOWN + 2)),), (), ()), MATCHER)

    said = capsys.readouterr()
    assert said.out.count("differs: ask ") == MOST_SHOWN
    assert "and 2 more: see --json" in said.out
    assert "note: the node has no state of that block" in said.out
    assert f"{MOST_SHOWN + 2} differ" in said.out
    assert "NOT verified: deal 7" in said.err


def test_verify__match_without_a_record__is_named_and_not_verified(capsys):
    _show_report(DealReport(7, (match(verified()),), (TX,), ()), MATCHER)

    said = capsys.readouterr()
    assert f"matched in {TX} by this matcher ({MATCHER}), which shows no record" in said.out
    assert "NOT verified" in said.err


def test_verify__only_another_matcher_matched__there_is_nothing_to_verify(capsys):
    _show_report(DealReport(7, (), (), ((TX, STRANGER),)), MATCHER)

    said = capsys.readouterr()
    assert f"matched in {TX} by {STRANGER}: only that matcher" in said.out
    assert "nothing to verify" in said.err
