"""Read the policy file of a keeper: TOML, amounts as decimal USDC, exactly."""

import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from wasmarket.client.market.amounts import read_usdc
from wasmarket.kernel.errors import ConfigError, InvalidInput

Source = Literal["free", "wallet", "card"]
Side = Literal["developer", "provider"]
Format = Literal["csv", "pdf"]
WEI_PER_GWEI: Final = 10**9
DAY: Final = 86_400
MOST_RULES: Final = 1_000
_TABLES: Final = ("runway", "payouts", "alarms", "statements", "notices")


@dataclass(frozen=True, slots=True)
class RunwayRule:
    """Keep deals of one account above a floor. Amounts in USDC base units.

    A reserved deal is measured in epochs, a metered one by its balance.
    """

    key: str
    deals: tuple[int, ...]
    """Empty: all deals of the account."""
    floor_epochs: int
    target_epochs: int
    floor_balance: int
    target_balance: int
    sources: tuple[Source, ...]
    most_per_month: int


@dataclass(frozen=True, slots=True)
class PayoutRule:
    """Claim what an account's peers have earned. USDC base units, wei per gas."""

    key: str
    at_least: int
    most_gas_price: int
    """0: at any price."""
    usdc_per_coin: int
    """USDC base units that a native coin is worth; 0: gas is not weighed."""
    times_gas: int
    """How many times its gas a claim must be worth."""
    withdraws: bool


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """Watch the peers of an account."""

    key: str
    missed_epochs: int
    least_gas: int
    """Wei that the provider's and each peer's wallet should hold; 0: not watched."""
    idle_epochs: int
    """Epochs with free units and nothing matched; 0: not watched."""
    price_percent: int
    """How far an ask may be from the market's median; 0: not watched."""


@dataclass(frozen=True, slots=True)
class StatementRule:
    """Write an account's statement of each month, as developer or as provider."""

    key: str
    side: Side
    folder: str
    formats: tuple[Format, ...]


@dataclass(frozen=True, slots=True)
class Mail:
    """A server for mail, without a login unless `user` is set."""

    host: str
    port: int
    sender: str
    to: tuple[str, ...]
    user: str
    password_file: str


@dataclass(frozen=True, slots=True)
class NoticeRules:
    """Where notices go beside the log, and before which days of runway they come."""

    days: tuple[int, ...]
    webhook: str
    webhook_secret_file: str
    command: tuple[str, ...]
    mail: Mail | None


@dataclass(frozen=True, slots=True)
class KeeperPolicy:
    """All rules."""

    runways: tuple[RunwayRule, ...]
    payouts: tuple[PayoutRule, ...]
    alarms: tuple[AlarmRule, ...]
    statements: tuple[StatementRule, ...]
    notices: NoticeRules


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    """What a table of the file may say."""


class _Runway(_Table):
    most_usdc_per_month: str
    key: str = ""
    deals: tuple[int, ...] = ()
    floor_epochs: int = 0
    target_epochs: int = 0
    floor_usdc: str = "0"
    target_usdc: str = "0"
    sources: tuple[Source, ...] = ("free", "wallet")


class _Payouts(_Table):
    key: str = ""
    at_least_usdc: str = "1"
    most_gas_gwei: int = 0
    usdc_per_coin: str = "0"
    times_gas: int = 10
    withdraw: bool = True


class _Alarms(_Table):
    key: str = ""
    missed_epochs: int = 2
    least_gas_gwei: int = 10_000_000
    idle_epochs: int = 24
    price_percent: int = 50


class _Statements(_Table, rename={"side": "as"}):
    key: str = ""
    side: Side = "developer"
    folder: str = "statements"
    formats: tuple[Format, ...] = ("csv",)


class _Mail(_Table):
    sender: str
    to: tuple[str, ...]
    host: str = "127.0.0.1"
    port: int = 25
    user: str = ""
    password_file: str = ""


class _Notices(_Table):
    days: tuple[int, ...] = (7, 3, 1)
    webhook: str = ""
    webhook_secret_file: str = ""
    command: tuple[str, ...] = ()
    mail: _Mail | None = None


def load_policy(path: Path) -> KeeperPolicy:
    """Read a policy file. Raises ConfigError that names file, table and key."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}",
            field="policy",
            remedy="write one as docs/how-to/keep-runways.md shows, or name it by --policy",
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text: {error.reason}", field="policy") from error
    return parse_policy(text, str(path))


def parse_policy(text: str, name: str) -> KeeperPolicy:
    """Read the text of a policy file, `name` in messages. Raises ConfigError."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: {error}", field="policy") from error
    for table in document:
        if table not in _TABLES:
            raise _unknown(name, "the file", table, _TABLES)
    runways = _read_all(document, "runway", _Runway, name)
    payouts = _read_all(document, "payouts", _Payouts, name)
    alarms = _read_all(document, "alarms", _Alarms, name)
    statements = _read_all(document, "statements", _Statements, name)
    if not (runways or payouts or alarms or statements):
        raise ConfigError(
            f"{name}: there is nothing to do",
            field="policy",
            remedy="add a [[runway]], [[payouts]], [[alarms]] or [[statements]] table",
        )
    try:
        return KeeperPolicy(
            tuple(_runway(rule) for rule in runways),
            tuple(_payout(rule) for rule in payouts),
            tuple(_alarm(rule) for rule in alarms),
            tuple(_statement(rule) for rule in statements),
            _notices(_read(document.get("notices", {}), "notices", _Notices, name)),
        )
    except InvalidInput as error:
        raise ConfigError(f"{name}: {error.detail}", field=error.field) from error


def _read_all(document: dict[str, Any], table: str, kind: type[Any], name: str) -> list[Any]:
    given = document.get(table, [])
    entries = [given] if isinstance(given, dict) else given
    if not isinstance(entries, list) or len(entries) > MOST_RULES:
        raise ConfigError(f"{name}: [[{table}]] is at most {MOST_RULES} tables", field=table)
    return [_read(entry, table, kind, name) for entry in entries]


def _read(entry: Any, table: str, kind: type[Any], name: str) -> Any:
    if isinstance(entry, dict):
        known = [field.encode_name for field in msgspec.structs.fields(kind)]
        for key in entry:
            if key not in known:
                raise _unknown(name, f"[{table}]", key, known)
    try:
        return msgspec.convert(entry, type=kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: [{table}]: {error}", field=table) from error


def _unknown(name: str, where: str, key: str, known: Any) -> ConfigError:
    near = get_close_matches(key, known, 1)
    remedy = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
    return ConfigError(f"{name}: {where} has no {key!r}", field=key, remedy=remedy)


def _runway(rule: _Runway) -> RunwayRule:
    _check(rule.floor_epochs >= 0 and min(rule.deals, default=1) > 0, "runway", "is negative")
    floor = read_usdc(rule.floor_usdc, "runway.floor_usdc")
    target = read_usdc(rule.target_usdc, "runway.target_usdc")
    _check(rule.floor_epochs > 0 or floor > 0, "runway", "has neither floor_epochs nor floor_usdc")
    for low, high, unit in (
        (rule.floor_epochs, rule.target_epochs, "epochs"),
        (floor, target, "usdc"),
    ):
        _check(not low or high > low, "runway", f"target_{unit} must be more than floor_{unit}")
    _check(bool(rule.sources), "runway", "sources is empty")
    return RunwayRule(
        rule.key,
        rule.deals,
        rule.floor_epochs,
        rule.target_epochs,
        floor,
        target,
        rule.sources,
        read_usdc(rule.most_usdc_per_month, "runway.most_usdc_per_month"),
    )


def _payout(rule: _Payouts) -> PayoutRule:
    _check(min(rule.most_gas_gwei, rule.times_gas) >= 0, "payouts", "is negative")
    return PayoutRule(
        rule.key,
        read_usdc(rule.at_least_usdc, "payouts.at_least_usdc"),
        rule.most_gas_gwei * WEI_PER_GWEI,
        read_usdc(rule.usdc_per_coin, "payouts.usdc_per_coin"),
        rule.times_gas,
        rule.withdraw,
    )


def _alarm(rule: _Alarms) -> AlarmRule:
    numbers = (rule.missed_epochs, rule.least_gas_gwei, rule.idle_epochs, rule.price_percent)
    _check(min(numbers) >= 0, "alarms", "is negative")
    return AlarmRule(
        rule.key,
        rule.missed_epochs,
        rule.least_gas_gwei * WEI_PER_GWEI,
        rule.idle_epochs,
        rule.price_percent,
    )


def _statement(rule: _Statements) -> StatementRule:
    _check(bool(rule.formats), "statements", "formats is empty")
    _check(bool(rule.folder), "statements", "folder is empty")
    return StatementRule(rule.key, rule.side, rule.folder, rule.formats)


def _notices(rules: _Notices) -> NoticeRules:
    _check(min(rules.days, default=1) > 0, "notices", "days must be positive")
    if rules.webhook:
        web = rules.webhook.startswith(("http://", "https://"))
        _check(web, "notices", "webhook is no http or https URL")
        _check(
            bool(rules.webhook_secret_file),
            "notices",
            "webhook needs webhook_secret_file, by which the receiver knows who sends",
        )
    mail = rules.mail
    return NoticeRules(
        tuple(sorted(rules.days, reverse=True)),
        rules.webhook,
        rules.webhook_secret_file,
        rules.command,
        None
        if mail is None
        else Mail(mail.host, mail.port, mail.sender, mail.to, mail.user, mail.password_file),
    )


def _check(holds: bool, table: str, problem: str) -> None:
    if not holds:
        raise InvalidInput(f"[{table}] {problem}", field=table)


def cost_in_usdc(gas: int, gas_price: int, usdc_per_coin: int) -> int:
    """Return what gas costs, USDC base units rounded up; `gas_price` in wei."""
    return -(-gas * gas_price * usdc_per_coin // 10**18)
