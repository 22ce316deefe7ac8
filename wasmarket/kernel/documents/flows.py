"""Flows of an app: scripts in AIR with typed interfaces, as they stand in the manifest."""

import re
from typing import Any, Final

from wasmarket.kernel.documents.app_parts import Flow
from wasmarket.kernel.documents.aqua_types import FlowInterface
from wasmarket.kernel.documents.json_fields import JsonFields, check_text
from wasmarket.kernel.errors import InvalidInput

MAX_FLOWS: Final = 64
MAX_SCRIPT_BYTES: Final = 256 << 10
MAX_PARTS: Final = 256
"""Arguments or results of a flow, records, fields of a record."""
LEAST_TTL_MS: Final = 100
MOST_TTL_MS: Final = 600_000
DEFAULT_TTL_MS: Final = 15_000
CALLERS: Final = "callers"
DEVELOPER: Final = "developer"
ROUTE: Final = "flows"
"""No service of an app with flows has this name: its functions would hide the flows."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_A_NAME: Final = "1 to 64 letters, digits, `_`, `-` or `.`"
_PART: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_A_PART: Final = "a name as Aqua has it"
_TYPE: Final = re.compile(r"[^\0]{1,1000}")
_A_TYPE: Final = "a type as Aqua has it"
_SCRIPT: Final = re.compile(r"(?s)\s*\(.*\)\s*")


def read_flow(fields: JsonFields) -> Flow:
    """Read a flow. Raises InvalidInput with the path of the field."""
    flow = Flow(
        name=fields.text("name", _NAME, _A_NAME),
        script=fields.text("script", _SCRIPT, "a script in AIR"),
        interface=FlowInterface(
            tuple(_read_part(part) for part in fields.objects("arguments", 0, MAX_PARTS, [])),
            tuple(
                check_text(entry, _TYPE, _A_TYPE, fields.path("results"))
                for entry in fields.items("results", 0, MAX_PARTS, [])
            ),
            dict(_read_record(record) for record in fields.objects("records", 0, MAX_PARTS, [])),
        ),
        ttl_ms=fields.integer("ttl_ms", LEAST_TTL_MS, MOST_TTL_MS, DEFAULT_TTL_MS),
        access=fields.choice("access", (CALLERS, DEVELOPER), CALLERS),
    )
    fields.finish()
    if len(flow.script.encode()) > MAX_SCRIPT_BYTES:
        raise InvalidInput(
            f"{fields.path('script')} has more than {MAX_SCRIPT_BYTES} bytes",
            field=fields.path("script"),
        )
    return flow


def dump_flow(flow: Flow) -> dict[str, Any]:
    """Return a flow as JSON values."""
    access = {} if flow.access == CALLERS else {"access": flow.access}
    described = {"name": flow.name, "script": flow.script, "ttl_ms": flow.ttl_ms}
    return described | access | dump_interface(flow.interface)


def dump_interface(interface: FlowInterface) -> dict[str, Any]:
    """Return what a flow takes and gives as JSON values."""
    return {
        "arguments": _dump_parts(interface.arguments),
        "results": list(interface.results),
        "records": [
            {"name": name, "fields": _dump_parts(tuple(fields.items()))}
            for name, fields in interface.records.items()
        ],
    }


def _dump_parts(parts: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in parts]


def _read_part(fields: JsonFields) -> tuple[str, str]:
    part = fields.text("name", _PART, _A_PART), fields.text("type", _TYPE, _A_TYPE)
    fields.finish()
    return part


def _read_record(fields: JsonFields) -> tuple[str, dict[str, str]]:
    name = fields.text("name", _PART, _A_PART)
    parts = dict(_read_part(part) for part in fields.objects("fields", 0, MAX_PARTS, []))
    fields.finish()
    return name, parts
