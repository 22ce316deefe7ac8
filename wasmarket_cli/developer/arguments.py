"""What is given to a function that is called, here or at a peer."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from wasmarket.kernel.errors import InvalidInput

raw_option = click.option(
    "--raw", type=click.Path(allow_dash=True), help="Send this file's bytes (- for stdin)"
)


def parse_function(text: str) -> tuple[str, str]:
    """Read `service.function`. Raises InvalidInput."""
    service, _, name = text.partition(".")
    if not (service and name):
        raise InvalidInput(
            f"{text!r} names no function", remedy="write SERVICE.FUNCTION, e.g. greeting.greeting"
        )
    return service, name


def parse_arguments(texts: Sequence[str]) -> list[object]:
    """Read each argument as JSON, or else take it as a string."""
    return [_parse(text) for text in texts]


def parse_event(text: str) -> dict[str, Any]:
    """Read the arguments of an event by name. Raises InvalidInput for what is no JSON object."""
    try:
        event = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the event is not JSON: {error}", field="event") from error
    if not isinstance(event, dict):
        raise InvalidInput("the event is no JSON object", field="event")
    return event


def read_raw(path: str, arguments: Sequence[str]) -> bytes:
    """Read the bytes for `--raw`, which leave no room for arguments. Raises InvalidInput."""
    if arguments:
        raise InvalidInput("give either --raw or arguments", field="raw")
    if path == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}", field="raw") from error


def _parse(text: str) -> object:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(
            "an argument is not UTF-8", field="arguments", remedy="send bytes from a file: --raw"
        ) from error
    try:
        return json.loads(text)
    except ValueError:
        return text
    except RecursionError as error:
        raise InvalidInput("an argument is nested too deeply", field="arguments") from error
