"""The page's examples: every operation has them, and they are what its schema says."""

import json
from pathlib import Path

import jsonschema_rs
import pytest

from matcher.api.app import EXAMPLES
from wasmarket.serving.examples import load_examples

pytestmark = pytest.mark.unit

PAGE = json.loads(
    (Path(__file__).resolve().parents[2] / "docs/openapi/matcher.json").read_text(encoding="utf-8")
)
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in PAGE["paths"].items()
    for method, operation in operations.items()
}


def closed(schema):
    """Forbid what an object's schema does not name: an example may have no member too many."""
    if isinstance(schema, list):
        return [closed(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {name: closed(part) for name, part in schema.items()}
    if "properties" in parts and "additionalProperties" not in parts:
        parts["additionalProperties"] = False
    return parts


COMPONENTS = closed(PAGE["components"])


def check(schema, value):
    jsonschema_rs.validator_for({**closed(schema), "components": COMPONENTS}).validate(value)


def by_name(operations):
    return pytest.mark.parametrize("name", sorted(operations), ids=lambda name: name)


@by_name(OPERATIONS)
def test_operation__has_an_example_of_its_answer__as_its_schema_says(name):
    checked = set()
    for status, answer in OPERATIONS[name]["responses"].items():
        for kind, content in answer.get("content", {}).items():
            for given, example in content.get("examples", {}).items():
                assert given == status or f"{given[0]}XX" == status
                if kind == "application/problem+json":
                    assert example["value"]["status"] == int(given)
                check(content.get("schema", {}), example["value"])
                checked.add(given[0])

    assert "2" in checked


@by_name(name for name, entry in OPERATIONS.items() if "requestBody" in entry)
def test_operation_with_a_body__has_an_example_of_it__as_its_schema_says(name):
    for content in OPERATIONS[name]["requestBody"]["content"].values():
        check(content["schema"], content["example"])


@by_name(name for name, entry in OPERATIONS.items() if entry.get("parameters"))
def test_operation_with_parameters__has_an_example__and_one_of_a_wrong_request(name):
    examples = [entry for entry in OPERATIONS[name]["parameters"] if "example" in entry]
    for parameter in examples:
        check(parameter["schema"], parameter["example"])

    required = {entry["name"] for entry in OPERATIONS[name]["parameters"] if entry["required"]}
    assert required <= {entry["name"] for entry in examples}
    problems = OPERATIONS[name]["responses"]["4XX"]["content"]["application/problem+json"]
    assert problems["examples"]


def test_examples__are_all_of_operations_that_there_are():
    assert set(load_examples(EXAMPLES)) == set(OPERATIONS)


def test_examples__signed_requests__are_said_to_be():
    signed = {name for name, entry in OPERATIONS.items() if "security" in entry}

    assert signed == {
        "DELETE /v1/developer-offers/{hash}",
        "DELETE /v1/provider-offers/{hash}",
        "PUT /v1/developer-offers/{hash}/target",
        "POST /v1/deals/{deal}/replacements",
        "DELETE /v1/deals/{deal}/replacements/{assignment}",
    }
