"""Every command that writes JSON has its schema in the documentation."""

import json

import click
import pytest

from tests.json_shapes import find_faults, read_schemas
from wasmarket_cli.main import root

pytestmark = pytest.mark.unit


def list_commands(command, path=()):
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from list_commands(command.get_command(context, name), (*path, name))
    else:
        yield " ".join(path), command


def test_json__of_every_command__has_a_schema_and_every_schema_a_command():
    with_json = {
        name
        for name, command in list_commands(root)
        if any(option.name == "as_json" for option in command.params)
    }

    assert set(read_schemas()) == with_json


def test_dry_run__is_there_wherever_a_key_signs_or_pays():
    reading = {
        *("status", "logs", "metrics", "versions", "usage", "repl", "wallet balance"),
        *("offer list", "provider status", "provider opportunities", "audit status"),
    }
    lacking = {
        name
        for name, command in list_commands(root)
        if "--dry-run" in {option for p in command.params for option in p.opts}
    }

    assert {"deploy", "update", "rollback", "scale", "top-up", "take", "drop", "stop"} < lacking
    assert not lacking & reading


@pytest.mark.parametrize(
    ("command", "value", "faults"),
    [
        ("stop", {"deal": 7, "returned": "5"}, []),
        ("stop", {"dry_run": True, "signs": [], "most_wei": "0"}, []),
        ("stop", {"deal": "7", "returned": "5"}, ["deal is '7', not int"]),
        ("stop", {"deal": 7}, ["returned is missing"]),
        ("wallet list", [{"name": "a", "address": "0x" + "1" * 40}], []),
        ("wallet list", [{"name": "a", "address": "1"}], ["address is '1', not address"]),
        ("scale", {"deal": 1, "units": 2, "dropped": [], "added_offer": None}, []),
        ("access", {"deal": 1}, ["version is missing", "mode is missing"]),
    ],
)
def test_schema__of_a_command__is_compared_with_what_it_writes(command, value, faults):
    assert find_faults(command, json.dumps(value))[: len(faults) or None] == faults
