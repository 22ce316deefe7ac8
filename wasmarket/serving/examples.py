"""Put recorded examples into an OpenAPI page (`tools/api_examples.py` records them)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI

Examples = Mapping[str, Mapping[str, Any]]
"""By operation, `GET /v1/…`: `parameters` by name, the `body` that was sent, and `answers` by
status; those of errors are problem documents."""


def load_examples(folder: Path) -> Examples:
    """Return the examples of all files of a folder."""
    found: dict[str, Mapping[str, Any]] = {}
    for path in sorted(folder.glob("*.json")):
        found |= json.loads(path.read_text(encoding="utf-8"))
    return found


def add_examples(app: FastAPI, examples: Examples) -> None:
    """Show examples on an app's page. What the page has no operation for is left out."""
    build = app.openapi

    def openapi() -> dict[str, Any]:
        page = build()
        for name, example in examples.items():
            method, path = name.split(" ")
            operation = page["paths"].get(path, {}).get(method.lower())
            if operation is not None:
                _add(operation, example)
        return page

    app.openapi = openapi  # type: ignore[method-assign]


def _add(operation: dict[str, Any], example: Mapping[str, Any]) -> None:
    given = example.get("parameters", {})
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in given:
            parameter["example"] = given[parameter["name"]]
    if "body" in example:
        for content in operation.get("requestBody", {}).get("content", {}).values():
            content["example"] = example["body"]
    responses = operation["responses"]
    for status, answer in example["answers"].items():
        response = responses.get(status) or responses.get(f"{status[0]}XX") or {}
        for content in response.get("content", {}).values():
            content.setdefault("examples", {})[status] = {"value": answer}
