"""Ask a service everything that its own OpenAPI page allows, and what it forbids.

Every answer must be one that the page declares: status, type of content, schema; nothing that the
page allows may be refused, nothing that it forbids accepted, and nothing may be a 5xx.
`FUZZ_EXAMPLES` sets how many requests each operation gets per mode.
"""

import json
import os
from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
)

from wasmarket.kernel.addresses import to_address, to_hash
from wasmarket.kernel.documents.content_ids import dag_pb_cid, raw_cid

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "4"))
PAGES = Path(__file__).resolve().parents[3] / "docs" / "openapi"
ENDLESS = "text/event-stream"
ENDLESS_IF_ASKED = "follow"

load_all_checks()
FORMATS = {
    "uint256": st.one_of(st.integers(0, 9), st.integers(0, 2**256 - 1)).map(str),
    "address": st.binary(min_size=20, max_size=20).map(to_address),
    "bytes32": st.binary(min_size=32, max_size=32).map(to_hash),
    "signature": st.binary(min_size=64, max_size=65).map(lambda data: "0x" + data.hex()),
}
FORMATS["cid"] = st.builds(
    lambda digest, wrap: str(wrap(digest)), st.binary(), st.sampled_from((raw_cid, dag_pb_cid))
)
for name, strategy in FORMATS.items():
    schemathesis.openapi.format(name, strategy)
# A page says no more of such a body than that it is bytes.
schemathesis.serializer.alias("application/msgpack", "application/octet-stream")


def list_operations(service):
    """Return (path, method) of every operation of a service's committed page that ends."""
    page = json.loads((PAGES / f"{service}.json").read_text(encoding="utf-8"))
    return [
        (path, method)
        for path, operations in page["paths"].items()
        for method, operation in operations.items()
        if ENDLESS not in operation["responses"].get("200", {}).get("content", {})
    ]


def load_page(app):
    """Return the page that an app serves, ready to be asked."""
    return schemathesis.openapi.from_asgi("/openapi.json", app)


def load_served_page(url):
    """Return the page that a process serves at `url`, ready to be asked."""
    return schemathesis.openapi.from_url(url + "/openapi.json")


def fuzz(page, path, method, *, known=None, may_refuse=None, auth=None):
    """Fuzz one operation. `known` maps path parameters to values that exist: half of the requests
    take them. `may_refuse(problem)`: whether a 400 or 406 is for what no schema can say.
    `auth` signs those that take known values, as `requests` has it (pages of processes only)."""
    operation = page[path][method]
    for mode in GenerationMode:
        if mode == GenerationMode.NEGATIVE and not _can_be_wrong(operation):
            continue
        _ask(operation, mode, known or {}, may_refuse or (lambda _: False), auth)


def _can_be_wrong(operation):
    """Whether some request does not fit the page: one of bytes alone always does."""
    definition = operation.definition.raw
    bodies = definition.get("requestBody", {}).get("content", {}).values()
    return bool(definition.get("parameters")) or any(
        body.get("schema", {}).get("format") != "binary" for body in bodies
    )


def _ask(operation, mode, known, may_refuse, auth):
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize="FUZZ_EXAMPLES" not in os.environ,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )
    @given(case=operation.as_strategy(generation_mode=mode), take_known=st.booleans())
    def ask(case, take_known):
        transport = {}
        if mode == GenerationMode.POSITIVE:
            case.query, case.body = _without_point(case.query), _without_point(case.body)
        if take_known and mode == GenerationMode.POSITIVE:
            chosen = {k: known[k] for k in case.path_parameters or () if k in known}
            case.path_parameters = dict(case.path_parameters or {}) | chosen
            if auth is not None:
                case.headers.pop("Authorization", None)
                (case.query or {}).pop(ENDLESS_IF_ASKED, None)
                transport["auth"] = auth
        answer = case.call(**transport)
        excluded = [ignored_auth] if transport else []
        if answer.status_code in (400, 406) and may_refuse(answer.json()):
            excluded.append(positive_data_acceptance)
        if answer.status_code == 413:
            excluded.append(negative_data_rejection)
        case.validate_response(answer, excluded_checks=excluded)

    ask()


def _without_point(value):
    """Write whole numbers as such: to a schema 3.0 is one too, but no client writes it so."""
    if isinstance(value, dict):
        return {name: _without_point(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_without_point(entry) for entry in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
