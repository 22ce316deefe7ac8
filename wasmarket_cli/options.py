"""Options and argument types that several commands share."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from wasmarket.kernel.addresses import parse_address
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.regions import region_mask
from wasmarket.kernel.traits import trait_mask

Function = TypeVar("Function", bound=Callable[..., Any])

DRY_RUN = "wasmarket.dry_run"
AS_JSON = "wasmarket.as_json"
"""Under what the context of a run keeps that it is a dry one, and that scripts read it."""


def _note_json(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
    ctx.meta[AS_JSON] = value
    return value


def _note_dry(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
    ctx.meta[DRY_RUN] = value
    return value


def _answer(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
    return value or is_dry(ctx)


def is_dry(ctx: click.Context) -> bool:
    """Say whether nothing is to be signed in this run: then nobody is asked either."""
    return bool(ctx.meta.get(DRY_RUN))


json_option = click.option(
    "--json", "as_json", is_flag=True, callback=_note_json, help="Write JSON for scripts"
)
key_option = click.option("--key", metavar="NAME", help="Account in keys/ to sign with")
yes_option = click.option("--yes", "-y", is_flag=True, callback=_answer, help="Do not ask")
dry_run_option = click.option(
    "--dry-run",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_note_dry,
    help="Say what would be signed and what it costs; sign nothing",
)


def signing_options(command: Function) -> Function:
    """Add `--key` and `--dry-run` to a command that signs."""
    return key_option(dry_run_option(command))


class TokenAmount(click.ParamType):
    """A decimal number of tokens, read exactly into base units."""

    def __init__(self, symbol: str, decimals: int, least: int = 0, most: int = 2**128 - 1) -> None:
        """`symbol` may follow the number, as people write it. `least`, `most`: base units."""
        self.name = symbol
        self._symbol = symbol
        self._decimals = decimals
        self._least = least
        self.most = most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return base units; refuse signs, exponents, too many digits, and what is beyond."""
        if isinstance(value, int):
            return value
        text = re.sub(rf"\s*{self._symbol}$", "", value.strip(), flags=re.IGNORECASE)
        number = re.fullmatch(r"([0-9]{1,30})(?:\.([0-9]+))?", text)
        if not number:
            self.fail(f"{value!r} is not an amount such as 1.25", param, ctx)
        whole, part = number[1], (number[2] or "").rstrip("0")
        if len(part) > self._decimals:
            self.fail(f"{value!r} has more than {self._decimals} decimals", param, ctx)
        amount = int(whole + part.ljust(self._decimals, "0"))
        if not self._least <= amount <= self.most:
            limits = f"{self._write(self._least)} to {self._write(self.most)}"
            self.fail(f"{value!r} is not within {limits} {self._symbol}", param, ctx)
        return amount

    def _write(self, amount: int) -> str:
        whole, part = divmod(amount, 10**self._decimals)
        return f"{whole}.{part:0{self._decimals}}".rstrip("0").rstrip(".")


USDC = TokenAmount("USDC", 6)
FLT = TokenAmount("FLT", 18)
SUM = TokenAmount("USDC", 6, 1, 2**64 - 1)
"""What Market moves at once."""
STAKE = TokenAmount("FLT", 18, 1)
PRICE = TokenAmount("USDC", 6, 1, 2**48 - 1)
"""Of a unit and epoch."""


class Checked(click.ParamType):
    """A text that a function of the kernel reads."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        """`read` returns the value or raises InvalidInput."""
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return what `read` makes of the text."""
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except InvalidInput as error:
            hint = f" ({error.remedy})" if error.remedy else ""
            self.fail(f"{error.detail}{hint}", param, ctx)


ADDRESS = Checked("address", parse_address)
REGIONS = Checked("regions", lambda text: region_mask(_words(text)))
TRAITS = Checked("traits", lambda text: trait_mask(_words(text)))


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[,\s]+", text) if word]
