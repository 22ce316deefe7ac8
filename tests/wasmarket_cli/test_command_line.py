"""Errors become one line, a hint and an exit code; options are read exactly."""

import json
import os

import click
import pytest

from tests.paths import CHECKOUT
from wasmarket.chain.errors import RpcError
from wasmarket.client.remedies import REMEDIES
from wasmarket.kernel import errors
from wasmarket.kernel.regions import region_mask
from wasmarket_cli import wallets
from wasmarket_cli.errors import CODES, Exit, exit_code, report
from wasmarket_cli.main import main
from wasmarket_cli.options import ADDRESS, FLT, PRICE, REGIONS, STAKE, SUM, TRAITS, USDC
from wasmarket_cli.output import count

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.MarketError("x"), 1),
        (errors.NotFound("x"), 1),
        (errors.ContentNotFound("x"), 1),
        (errors.BadContent("x"), 1),
        (errors.InvalidSignature("x"), 1),
        (RpcError("x", code=1), 1),
        (errors.BrokenOff("x"), 1),
        (errors.InvalidInput("x"), 2),
        (errors.ConfigError("x"), 2),
        (errors.PortInUse("x"), 2),
        (errors.WrongChain("x"), 2),
        (errors.Refused("x"), 3),
        (errors.Reverted("x"), 3),
        (errors.Forbidden("x"), 3),
        (errors.Unauthorized("x"), 3),
        (errors.Conflict("x"), 3),
        (errors.Unfunded("x"), 3),
        (errors.RunwayOver("x"), 3),
        (errors.LimitReached("x"), 3),
        (errors.Unreachable("x"), 4),
        (errors.TimedOut("x"), 5),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_exit_code__each_error__has_its_code(error, code):
    assert exit_code(error) == code


def test_exit_code__class_of_its_own__is_that_of_its_nearest_kind():
    class Mine(errors.WrongChain):
        """Mine"""

    assert exit_code(Mine("x")) is Exit.USAGE
    assert set(CODES.values()) == set(Exit) - {Exit.OK}


def test_report__error_with_remedy__is_a_line_and_a_hint(capsys):
    assert report(errors.Unreachable("no node", remedy="start one")) is Exit.UNREACHABLE

    assert capsys.readouterr() == ("", "wasmarket: no node\n  hint: start one\n")


def test_report__error_without_remedy__is_one_line(capsys):
    report(errors.NotFound("no deal 5"))

    assert capsys.readouterr().err == "wasmarket: no deal 5\n"


@pytest.fixture
def fail_with_json(monkeypatch, tmp_path, capsys):
    """A function that has a command of a script fail; returns its exit code and what it wrote."""

    def fail(error, *arguments):
        raise_in_list(monkeypatch, error)
        code = main(["--home", str(tmp_path), *(arguments or ("wallet", "list", "--json"))])
        said = capsys.readouterr()
        assert said.out == ""
        return code, json.loads(said.err)

    return fail


def test_json__error_of_the_market__is_a_problem_document_with_the_exit_code(fail_with_json):
    error = errors.Refused("no room", field="units", remedy="ask for less")

    assert fail_with_json(error) == (
        3,
        {
            "type": "urn:wasmarket:refused",
            "title": "Unprocessable content",
            "detail": "no room",
            "field": "units",
            "remedy": "ask for less",
            "exit_code": 3,
        },
    )


def test_json__reason_of_a_contract__comes_with_what_to_do(fail_with_json):
    reason = next(iter(REMEDIES))

    code, told = fail_with_json(errors.Reverted("it reverts", reason=reason))

    assert (code, told["type"], told["remedy"]) == (3, "urn:wasmarket:reverted", REMEDIES[reason])


def test_json__error_that_quotes_a_stranger__cannot_touch_the_terminal(
    monkeypatch, tmp_path, capsys
):
    raise_in_list(monkeypatch, errors.NotFound("\x1b[2Jgone\u202e"))

    main(["--home", str(tmp_path), "wallet", "list", "--json"])

    said = capsys.readouterr().err
    assert said.isascii()
    assert "\x1b" not in said
    assert json.loads(said)["detail"] == "\x1b[2Jgone\u202e"


@pytest.mark.parametrize(
    ("error", "type_", "code"),
    [(KeyboardInterrupt(), "interrupted", 1), (ZeroDivisionError("oops"), "error", 1)],
)
def test_json__interrupted_or_a_bug__is_one_as_well(
    fail_with_json, monkeypatch, error, type_, code
):
    monkeypatch.delenv("WASMARKET_DEBUG", raising=False)

    ended, told = fail_with_json(error)

    assert (ended, told["type"], told["exit_code"]) == (code, f"urn:wasmarket:{type_}", code)


@pytest.mark.parametrize(
    ("arguments", "detail", "remedy"),
    [
        (("wallet", "lst", "--json"), "No such command 'lst'.", "see `wasmarket wallet --help`"),
        (("--json",), "No such option: --json", "see `wasmarket --help`"),
        (("status", "a", "b", "--json"), "Got unexpected extra argument (b)", "status --help`"),
    ],
)
def test_json__wrong_usage__is_one_as_well(fail_with_json, arguments, detail, remedy):
    code, told = fail_with_json(ZeroDivisionError("not reached"), *arguments)

    assert (code, told["type"], told["exit_code"]) == (2, "urn:wasmarket:usage", 2)
    assert detail in told["detail"]
    assert told["remedy"].endswith(remedy)


def test_json__behind_two_dashes__is_an_argument(monkeypatch, tmp_path, capsys):
    assert main(["--home", str(tmp_path), "status", "a", "b", "--", "--json"]) == 2

    assert capsys.readouterr().err.startswith("Usage: wasmarket status")


def raise_in_list(monkeypatch, error):
    """Make `wallet list` fail with `error`."""

    def fail(_):
        raise error

    monkeypatch.setattr(wallets, "list_accounts", fail)


@pytest.mark.parametrize("flag", [("--home", "{}"), ("--home={}",)])
def test_main__bug__is_one_line_and_its_trace_a_file_in_the_home(
    monkeypatch, tmp_path, capsys, flag
):
    monkeypatch.delenv("WASMARKET_DEBUG", raising=False)
    raise_in_list(monkeypatch, ZeroDivisionError("oops"))

    code = main([*(text.format(tmp_path) for text in flag), "wallet", "list"])

    captured = capsys.readouterr()
    file = tmp_path / "logs" / f"crash-{os.getpid()}.log"
    assert (code, captured.out) == (1, "")
    assert captured.err == (
        f"wasmarket: this is a bug of ours: ZeroDivisionError: oops\n  hint: please report {file}\n"
    )
    assert "Traceback" in file.read_text()


def test_main__bug_while_debugging__is_raised(monkeypatch, tmp_path):
    monkeypatch.setenv("WASMARKET_DEBUG", "1")
    raise_in_list(monkeypatch, ZeroDivisionError("oops"))

    with pytest.raises(ZeroDivisionError):
        main(["--home", str(tmp_path), "wallet", "list"])


def test_main__market_error__is_its_code(monkeypatch, tmp_path, capsys):
    raise_in_list(monkeypatch, errors.TimedOut("late"))

    assert main(["--home", str(tmp_path), "wallet", "list"]) == 5
    assert capsys.readouterr().err == "wasmarket: late\n"


def test_main__interrupted__is_said(monkeypatch, tmp_path, capsys):
    raise_in_list(monkeypatch, KeyboardInterrupt())

    assert main(["--home", str(tmp_path), "wallet", "list"]) == 1
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "text", "units"),
    [
        (USDC, "1", 1_000_000),
        (USDC, "1.25", 1_250_000),
        (USDC, "0.000001", 1),
        (USDC, "1.2500000", 1_250_000),
        (USDC, "12 USDC", 12_000_000),
        (USDC, "12usdc", 12_000_000),
        (USDC, " 12 ", 12_000_000),
        (USDC, "0", 0),
        (USDC, "9007199254740993.000001", 9007199254740993000001),
        (FLT, "0.000000000000000001", 1),
        (FLT, "123456789.123456789123456789 FLT", 123456789123456789123456789),
        (USDC, 5, 5),
    ],
)
def test_amount__number__is_exact(kind, text, units):
    assert kind.convert(text, None, None) == units


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            ".",
            ".5",
            "1.",
            "1,5",
            "-1",
            "+1",
            "1e3",
            "0x10",
            "1_000",
            "NaN",
            "inf",
            "USDC",
        ),
        *("1.0000001", "1 FLT", "1 2", "१", "1" * 31),
    ],
)
def test_amount__anything_else__is_refused(text):
    with pytest.raises(click.BadParameter):
        USDC.convert(text, None, None)


def test_amount__too_many_decimals__says_how_many():
    with pytest.raises(click.BadParameter, match="more than 6 decimals"):
        USDC.convert("0.0000001", None, None)


@pytest.mark.parametrize(
    ("kind", "least", "most", "beyond"),
    [
        (PRICE, "0.000001", "281474976.710655", "281474976.710656"),
        (SUM, "0.000001", "18446744073709.551615", "18446744073709.551616"),
        (STAKE, "0.000000000000000001", "1000000000", "1" + "0" * 24),
    ],
)
def test_amount__beyond_its_limits__is_refused_in_its_own_unit(kind, least, most, beyond):
    assert kind.convert(least, None, None) == 1
    assert kind.convert(most, None, None) > 1
    for text in ("0", beyond):
        with pytest.raises(click.BadParameter, match=f"not within {least} to .* {kind.name}"):
            kind.convert(text, None, None)


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (0, "deal", "0 deals"),
        (1, "deal", "1 deal"),
        (1, "match", "1 match"),
        (2, "epoch", "2 epochs"),
        (2, "match", "2 matches"),
        (1_234, "block", "1,234 blocks"),
    ],
)
def test_count__is_written_as_people_do(number, noun, text):
    assert count(number, noun) == text


def test_report__refusal_of_a_contract__says_what_to_do(capsys):
    report(errors.Reverted("Market.top_up was refused", reason="deals: no such deal"))

    assert "hint: `wasmarket status`" in capsys.readouterr().err


def test_remedies__are_for_reasons_that_the_contracts_have():
    sources = "".join(path.read_text() for path in (CHECKOUT / "contracts").rglob("*.vy"))

    assert [reason for reason in REMEDIES if f'"{reason}"' not in sources] == []


def test_regions__codes_and_shorthands__are_a_mask():
    assert REGIONS.convert("DE,FR", None, None) == region_mask(["DE", "FR"])
    assert REGIONS.convert("DE FR", None, None) == region_mask(["DE", "FR"])
    assert REGIONS.convert("EU", None, None) & region_mask(["DE"])
    assert REGIONS.convert(0, None, None) == 0


@pytest.mark.parametrize(
    ("kind", "text"), [(REGIONS, "XX"), (TRAITS, "magic"), (ADDRESS, "0x12"), (ADDRESS, "me")]
)
def test_option__unknown_word__is_a_usage_error(kind, text):
    with pytest.raises(click.BadParameter):
        kind.convert(text, None, None)


def test_address__wrong_checksum__is_refused():
    good = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"

    assert ADDRESS.convert(good, None, None) == good
    with pytest.raises(click.BadParameter):
        ADDRESS.convert(good.replace("aA", "Aa"), None, None)
