"""Compose file, systemd units and scripts: every command in them is one that exists."""

import re
import shlex

import click
import pytest
import yaml

from tests.paths import CHECKOUT
from wasmarket.client.home import Home
from wasmarket.client.settings import load_configuration
from wasmarket_cli.main import root
from wasmarket_cli.setup import KINDS

pytestmark = pytest.mark.unit

DOCKER = CHECKOUT / "docker"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
UNITS = sorted((DOCKER / "systemd").glob("*.service"))
OURS = {name: entry for name, entry in COMPOSE["services"].items() if "build" in entry}


def parse(arguments):
    """Parse a command line down to its command, without running it. Raises UsageError."""
    command, context, words = root, None, list(arguments)
    while isinstance(command, click.Group):
        context = click.Context(command, context)
        name, command, words = command.resolve_command(context, words)
    return command.make_context(name, words, context)


def in_script(text):
    """Return the `wasmarket` commands of a shell script."""
    text = re.sub(r'"\$(\w+)"', "value", text)
    return [
        shlex.split(found, comments=True)
        for found in re.findall(r"(?:^|[|&] |\s)wasmarket ([^|&;\n]+)", text, re.MULTILINE)
    ]


def test_parse__command_that_is_wrong__is_found():
    with pytest.raises(click.UsageError):
        parse(["indexer", "run", "--nonsense"])
    with pytest.raises(click.UsageError):
        parse(["peer", "register", "alpha-1", "--region", "DE"])


@pytest.mark.parametrize("name", sorted(OURS))
def test_compose__command_of_a_service__is_one_of_ours(name):
    arguments = OURS[name].get("command")

    if arguments:
        parse(arguments)
    else:
        assert OURS[name]["entrypoint"] == ["/usr/local/bin/prepare-market"]


def test_compose__settings__are_read_as_they_are(tmp_path):
    environ = {
        name: str(value)
        for entry in OURS.values()
        for name, value in entry["environment"].items()
        if "__" in name
    }

    configuration = load_configuration(Home(tmp_path), environ)

    for table, kind in KINDS.items():
        configuration.read(kind, table)
    assert configuration.read(KINDS["outbound"], "outbound").allow_private_addresses is True
    assert {name.partition("__")[0] for name in environ} >= {"WASMARKET_CHAIN", "WASMARKET_STORE"}


def test_compose__services__wait_for_services_that_exist_and_run_without_privileges():
    for name, entry in COMPOSE["services"].items():
        assert set(entry.get("depends_on", {})) <= set(COMPOSE["services"]), name
    for name, entry in OURS.items():
        assert entry["cap_drop"] == ["ALL"], name
        assert entry["read_only"] is True, name


def test_prepare_market__every_command__parses():
    commands = in_script((DOCKER / "prepare-market").read_text(encoding="utf-8"))

    assert len(commands) >= 6
    for command in commands:
        parse(command)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_unit__command__is_one_of_ours(unit):
    started = re.findall(
        r"^ExecStart=/opt/wasmarket/bin/wasmarket (.*)$", unit.read_text(), re.MULTILINE
    )

    assert len(started) == 1
    parse(shlex.split(started[0].replace("%i", "alpha-1")))


def test_image__last_stage__runs_as_a_user_of_its_own_and_takes_only_the_environment():
    last = (DOCKER / "Dockerfile").read_text().rpartition("\nFROM ")[2]

    assert re.search(r"^USER wasmarket$", last, re.MULTILINE)
    assert re.findall(r"^COPY (.*)$", last, re.MULTILINE) == [
        "--from=build /opt/wasmarket /opt/wasmarket",
        "--from=scripts /src/node_modules/@fluencelabs/avm/dist/avm.wasm /opt/wasmarket/share/",
        "docker/prepare-market /usr/local/bin/",
    ]
