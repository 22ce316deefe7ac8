"""Triggers of an app: calls that nobody makes by hand, as they stand in the manifest."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from wasmarket.kernel.addresses import parse_address
from wasmarket.kernel.documents.canonical_json import dump_canonical, parse_canonical
from wasmarket.kernel.documents.json_fields import JsonFields
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.events.fragments import EventFragment, parse_filters, parse_fragment

CRON: Final = "cron"
EVERY: Final = "every"
START: Final = "start"
UPDATE: Final = "update"
STOP: Final = "stop"
CHAIN_EVENT: Final = "chain-event"
ONE: Final = "one"
EACH: Final = "each"
CLOCKED: Final = (CRON, EVERY)
SHARED: Final = (*CLOCKED, CHAIN_EVENT)
"""Kinds whose firings are the same for all peers of a deal, so that one may make the call."""
KINDS: Final = (*SHARED, START, UPDATE, STOP)
CRON_FIELDS: Final = 5
MAX_SECONDS: Final = 366 * 86_400
MAX_ARGUMENTS: Final = 64
MAX_ARGUMENT_BYTES: Final = 16 << 10
MAX_RETRIES: Final = 10
MAX_GRACE_S: Final = 3_600
MAX_JITTER_S: Final = 3_600
MAX_CONFIRMATIONS: Final = 1_000
DEFAULT_CONFIRMATIONS: Final = 5
MAX_CHAIN_ID: Final = 2**53 - 1
MAX_FILTERS_BYTES: Final = 4_096
KEYS_KEPT: Final = 4_096
"""Each firing asks for its trigger's key some times."""
_FUNCTION: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,254}")
_EXPRESSION: Final = re.compile(r"[A-Za-z0-9*,/#? LW-]{9,200}")
_EVENT: Final = re.compile(r"[A-Za-z0-9_$ ,;()\[\]]{3,4000}")
_ZONE: Final = re.compile(r"[A-Za-z0-9_+/-]{1,64}")


@dataclass(frozen=True, slots=True)
class Trigger:
    """A call that nobody makes; times in seconds, `arguments` as canonical JSON.

    It is of a function of a service, or of a `flow`; the other names are empty then.
    """

    kind: str
    service: str = ""
    function: str = ""
    arguments: bytes = b"[]"
    run: str = ONE
    """Whether one peer of the deal makes a call, or each."""
    overlap: str = "skip"
    """What becomes of a firing while the one before still runs: `skip` or `queue`."""
    retries: int = 0
    catch_up: str = "none"
    """What becomes of firings while the peer was away: `none`, the `last`, or `all`."""
    grace_s: int = 10
    """How long the next peer waits for the one before it."""
    expression: str = ""
    zone: str = "UTC"
    jitter_s: int = 0
    seconds: int = 0
    first_s: int = 0
    """Of `every`: how far after a whole multiple of `seconds`."""
    flow: str = ""
    chain: int = 0
    """Of `chain-event`: the id of the chain, 0 for the market's."""
    contract: str = ""
    event: str = ""
    filters: bytes = b"{}"
    """Canonical JSON: values that are wanted, by argument."""
    confirmations: int = DEFAULT_CONFIRMATIONS
    """Blocks above an event's own before it fires."""

    @property
    def key(self) -> str:
        """Return what the trigger is called: the same in every version that has it unchanged."""
        return _hash_trigger(self)

    @property
    def target(self) -> str:
        """Return what it calls, as people read it."""
        return f"flow {self.flow}" if self.flow else f"{self.service}.{self.function}"

    @property
    def fragment(self) -> EventFragment:
        """Return the event of a `chain-event`."""
        return parse_fragment(self.event, "event")

    @property
    def wanted(self) -> dict[str, list[Any]]:
        """Return which values the arguments of a `chain-event` may have."""
        found: dict[str, list[Any]] = parse_canonical(self.filters)
        return found


@lru_cache(KEYS_KEPT)
def _hash_trigger(trigger: Trigger) -> str:
    return hashlib.sha256(dump_canonical(dump_trigger(trigger))).hexdigest()[:16]


def read_trigger(
    fields: JsonFields, kind: str, services: tuple[str, ...], flows: tuple[str, ...] = ()
) -> Trigger:
    """Read a trigger whose `kind` was taken. Raises InvalidInput with the path of the field."""
    clocked: dict[str, Any] = {}
    if kind == CRON:
        clocked = _read_cron(fields)
    elif kind == CHAIN_EVENT:
        clocked = _read_event(fields)
    elif kind == EVERY:
        seconds = fields.integer("seconds", 1, MAX_SECONDS)
        first = fields.integer("first_s", 0, seconds - 1, 0)
        clocked = {"seconds": seconds, "first_s": first}
    arguments = dump_canonical(fields.items("arguments", 0, MAX_ARGUMENTS, []))
    if len(arguments) > MAX_ARGUMENT_BYTES:
        raise InvalidInput(
            f"{fields.path('arguments')} have {len(arguments)} bytes",
            field=fields.path("arguments"),
            remedy=f"give at most {MAX_ARGUMENT_BYTES}",
        )
    # What a peer does when it begins is of each, if nothing else is said.
    usual = ONE if kind in SHARED else EACH
    # An event is no beat of a clock: none may be lost unless the app says so.
    is_event = kind == CHAIN_EVENT
    trigger = Trigger(
        kind=kind,
        **_read_target(fields, services, flows),
        arguments=arguments,
        run=fields.choice("run", (ONE, EACH) if kind in SHARED else (EACH,), usual),
        overlap=fields.choice("overlap", ("skip", "queue"), "queue" if is_event else "skip"),
        retries=fields.integer("retries", 0, MAX_RETRIES, 0),
        catch_up=fields.choice("catch_up", ("none", "last", "all"), "all" if is_event else "none"),
        grace_s=fields.integer("grace_s", 1, MAX_GRACE_S, 10),
        **clocked,
    )
    fields.finish()
    return trigger


def _read_target(
    fields: JsonFields, services: tuple[str, ...], flows: tuple[str, ...]
) -> dict[str, Any]:
    """Read what is called: a flow, or a function of a service."""
    if not fields.has("flow"):
        fields.take("flow", None)
        return {
            "service": fields.choice("service", services),
            "function": fields.text("function", _FUNCTION, "the name of an exported function"),
        }
    for name in ("service", "function"):
        if fields.has(name):
            raise InvalidInput(
                f"{fields.path(name)} is given beside a flow",
                field=fields.path(name),
                remedy="name a flow, or a service and its function",
            )
    if not flows:
        raise InvalidInput(
            f"{fields.path('flow')} is given, and the app has no flow",
            field=fields.path("flow"),
            remedy="add a [[flow]]",
        )
    return {"flow": fields.choice("flow", flows)}


def _read_event(fields: JsonFields) -> dict[str, Any]:
    path = fields.path("event")
    text = fields.text("event", _EVENT, "an event as Solidity writes it")
    filters = fields.take("filters", {})
    JsonFields(filters, fields.path("filters"))
    fragment = parse_fragment(text, path)
    wanted = dump_canonical(parse_filters(filters, fragment, fields.path("filters")))
    if len(wanted) > MAX_FILTERS_BYTES:
        raise InvalidInput(
            f"{fields.path('filters')} have {len(wanted)} bytes",
            field=fields.path("filters"),
            remedy=f"give at most {MAX_FILTERS_BYTES}",
        )
    return {
        "chain": fields.integer("chain", 0, MAX_CHAIN_ID, 0),
        "contract": parse_address(fields.take("contract"), field=fields.path("contract")),
        "event": text,
        "filters": wanted,
        "confirmations": fields.integer(
            "confirmations", 0, MAX_CONFIRMATIONS, DEFAULT_CONFIRMATIONS
        ),
    }


def _read_cron(fields: JsonFields) -> dict[str, Any]:
    path = fields.path("expression")
    expression = fields.text("expression", _EXPRESSION, "five fields of a cron expression")
    zone = fields.text("zone", _ZONE, "a time zone such as Europe/Berlin", "UTC")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInput(
            f"{fields.path('zone')} is {zone!r}, which is no time zone",
            field=fields.path("zone"),
            remedy="give an IANA name such as Europe/Berlin",
        ) from error
    if len(expression.split()) != CRON_FIELDS:
        raise InvalidInput(
            f"{path} has {len(expression.split())} fields",
            field=path,
            remedy="give five: minute, hour, day, month, day of the week",
        )
    try:
        next(CronSim(expression, datetime(2024, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        raise InvalidInput(
            f"{path} is {expression!r}, which never fires: {error or 'there is no such day'}",
            field=path,
            remedy="see crontab(5)",
        ) from error
    jitter = fields.integer("jitter_s", 0, MAX_JITTER_S, 0)
    return {"expression": expression, "zone": zone, "jitter_s": jitter}


def add_argument(arguments: bytes, value: Any) -> bytes:
    """Return arguments, as JSON, with one more behind them."""
    return json.dumps([*parse_canonical(arguments), value], ensure_ascii=False).encode()


def dump_trigger(trigger: Trigger) -> Mapping[str, Any]:
    """Return the JSON value of a trigger, all of it."""
    clocked: dict[str, Any] = {}
    if trigger.kind == CRON:
        clocked = {
            "expression": trigger.expression,
            "zone": trigger.zone,
            "jitter_s": trigger.jitter_s,
        }
    elif trigger.kind == EVERY:
        clocked = {"seconds": trigger.seconds, "first_s": trigger.first_s}
    elif trigger.kind == CHAIN_EVENT:
        clocked = {
            "chain": trigger.chain,
            "contract": trigger.contract,
            "event": trigger.event,
            "filters": parse_canonical(trigger.filters),
            "confirmations": trigger.confirmations,
        }
    target = {"service": trigger.service, "function": trigger.function}
    return {
        "kind": trigger.kind,
        **({"flow": trigger.flow} if trigger.flow else target),
        "arguments": parse_canonical(trigger.arguments),
        "run": trigger.run,
        "overlap": trigger.overlap,
        "retries": trigger.retries,
        "catch_up": trigger.catch_up,
        "grace_s": trigger.grace_s,
        **clocked,
    }
