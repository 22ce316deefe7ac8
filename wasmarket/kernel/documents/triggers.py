"""Triggers of an app: calls that a clock or a start makes, as they stand in the manifest."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from wasmarket.kernel.documents.canonical_json import dump_canonical, parse_canonical
from wasmarket.kernel.documents.json_fields import JsonFields
from wasmarket.kernel.errors import InvalidInput

CRON: Final = "cron"
EVERY: Final = "every"
START: Final = "start"
UPDATE: Final = "update"
ONE: Final = "one"
EACH: Final = "each"
CLOCKED: Final = (CRON, EVERY)
KINDS: Final = (CRON, EVERY, START, UPDATE)
CRON_FIELDS: Final = 5
MAX_SECONDS: Final = 366 * 86_400
MAX_ARGUMENTS: Final = 64
MAX_ARGUMENT_BYTES: Final = 16 << 10
MAX_RETRIES: Final = 10
MAX_GRACE_S: Final = 3_600
MAX_JITTER_S: Final = 3_600
_FUNCTION: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,254}")
_EXPRESSION: Final = re.compile(r"[A-Za-z0-9*,/#? LW-]{9,200}")
_ZONE: Final = re.compile(r"[A-Za-z0-9_+/-]{1,64}")


@dataclass(frozen=True, slots=True)
class Trigger:
    """A call that nobody makes; times in seconds, `arguments` as canonical JSON."""

    kind: str
    service: str
    function: str
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

    @property
    def key(self) -> str:
        """Return what the trigger is called: the same in every version that has it unchanged."""
        return hashlib.sha256(dump_canonical(dump_trigger(self))).hexdigest()[:16]


def read_trigger(fields: JsonFields, kind: str, services: tuple[str, ...]) -> Trigger:
    """Read a trigger whose `kind` was taken. Raises InvalidInput with the path of the field."""
    clocked: dict[str, Any] = {}
    if kind == CRON:
        clocked = _read_cron(fields)
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
    usual = ONE if kind in CLOCKED else EACH
    trigger = Trigger(
        kind=kind,
        service=fields.choice("service", services),
        function=fields.text("function", _FUNCTION, "the name of an exported function"),
        arguments=arguments,
        run=fields.choice("run", (ONE, EACH) if kind in CLOCKED else (EACH,), usual),
        overlap=fields.choice("overlap", ("skip", "queue"), "skip"),
        retries=fields.integer("retries", 0, MAX_RETRIES, 0),
        catch_up=fields.choice("catch_up", ("none", "last", "all"), "none"),
        grace_s=fields.integer("grace_s", 1, MAX_GRACE_S, 10),
        **clocked,
    )
    fields.finish()
    return trigger


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
    return {
        "kind": trigger.kind,
        "service": trigger.service,
        "function": trigger.function,
        "arguments": parse_canonical(trigger.arguments),
        "run": trigger.run,
        "overlap": trigger.overlap,
        "retries": trigger.retries,
        "catch_up": trigger.catch_up,
        "grace_s": trigger.grace_s,
        **clocked,
    }
