"""The command as installed: help for everything, at once, and what scripts rely on."""

import os
import subprocess
import sys

import click
import pytest

from tests.e2e.market_driver import COMMAND, own_settings, run_here, run_process
from tests.paths import CHECKOUT
from wasmarket import __version__
from wasmarket.chain.sending.wallet import Account, save_account
from wasmarket_cli.main import root

pytestmark = pytest.mark.e2e

HEAVY = ("web3", "eth_account", "sqlalchemy", "wasmtime", "fastapi", "pydantic", "httpx", "rich")
"""What costs a tenth of a second and more to import."""

OF_OTHERS = ("matcher", "numba", "numpy", "wasmtime", "stripe", "fpdf", "web3")
SIGNING = ("web3", "eth_account", "eth_abi", "eth_utils", "coincurve", "pydantic", "sqlalchemy")


def list_commands(command, path=()):
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None, name
            yield from list_commands(child, (*path, name))


COMMANDS = sorted(list_commands(root))


def test_commands__are_all_there():
    verbs = {path[0] for path in COMMANDS if path}

    assert verbs == {
        *(
            "quote",
            "deploy",
            "update",
            "init",
            "build",
            "test",
            "run",
            "explain",
            "status",
            "call",
            "access",
            "logs",
        ),
        *("runway", "top-up", "take", "drop", "stop", "claim", "provider", "offer", "peer"),
        *("indexer", "matcher", "gateway", "local", "wallet", "module", "match", "receipt"),
        *("aqua", "audit", "flow", "config", "content", "doctor", "example", "explorer", "meter"),
        *(
            "redeem",
            "secret",
            "trigger",
            "usage",
            "versions",
            "rollback",
            "scale",
            "metrics",
            "open",
            "destroy",
            "buy",
            "payments",
            "signup",
            "dev",
            "repl",
            "export",
            "keeper",
            "statement",
        ),
    }


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(path) or "wasmarket")
def test_help__every_command__says_what_it_does(path):
    ran = run_here(*path, "--help")

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"Usage: {' '.join(('wasmarket', *path))}")
    assert len(ran.out.splitlines()) > 3


PROCESSES = {
    *("indexer run", "matcher run", "gateway run", "peer run", "provider run"),
    *("keeper run", "meter run", "audit watch", "payments run", "payments sandbox"),
}


def test_commands__that_answer__can_do_it_in_json():
    lacking = set()
    for path in COMMANDS:
        command = root
        for name in path:
            command = command.get_command(click.Context(command), name)
        if not isinstance(command, click.Group) and "as_json" not in [
            p.name for p in command.params
        ]:
            lacking.add(" ".join(path))

    assert lacking == PROCESSES


@pytest.fixture
def environ(tmp_path):
    own = {name: value for name, value in os.environ.items() if name not in own_settings()}
    return own | {"HOME": str(tmp_path), "PATH": os.defpath}


def test_help__imports_nothing_heavy(environ):
    program = (
        "import sys; from wasmarket_cli.main import main; code = main(['--help']);"
        f"heavy = [name for name in {HEAVY} if name in sys.modules];"
        "print(heavy, file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        env=environ | {"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "[]\n")


@pytest.mark.parametrize("command", ["indexer", "gateway", "keeper"])
def test_run__of_a_service__loads_nothing_that_only_others_need(environ, command):
    """Its extra does not bring that either."""
    program = (
        f"import sys; from wasmarket_cli.main import main; main(['{command}', 'run', '--help']);"
        f"print([name for name in {OF_OTHERS} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        env=environ | {"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr.splitlines()[-1] == "[]"


def test_status__loads_nothing_that_only_signing_needs(environ, tmp_path):
    account = Account.create()
    save_account(tmp_path / "home" / "keys", "developer", account)
    (tmp_path / "home" / "wasmarket.toml").write_text('[client]\nmatcher = "http://127.0.0.1:1"\n')
    program = (
        "import sys; from wasmarket_cli.main import main;"
        f"code = main(['--home', {str(tmp_path / 'home')!r}, 'status']);"
        f"print([name for name in {SIGNING} if name in sys.modules]); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        env=environ | {"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (4, "[]\n"), done.stderr
    assert "matcher at http://127.0.0.1:1 cannot be reached" in done.stderr


def test_command__from_another_folder_and_through_a_link__runs(environ, tmp_path):
    link = tmp_path / "wasmarket"
    link.symlink_to(COMMAND)
    done = subprocess.run(
        [link, "--version"], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{__version__}\n", "")


def test_command__usage_error__is_2_on_stderr(environ):
    for arguments in (("nonsense",), ("call",), ("top-up", "1", "1.0000001"), ("--nonsense",)):
        ran = run_process(*arguments, environ=environ)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith("Usage: wasmarket")


def test_command__fresh_home__has_no_keys(environ):
    ran = run_process("wallet", "list", "--json", environ=environ)

    assert (ran.code, ran.json) == (0, [])


def test_command__broken_pipe__is_quiet(environ):
    line = f"'{COMMAND}' config show --json | head -c 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert done.stdout == "{"


def test_command__bug__is_one_line_and_a_file_in_the_home(environ, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    # A folder where a file should be: nobody's input, so nobody's error class.
    (home / "keys").write_text("not a folder")

    ran = run_process("--home", str(home), "wallet", "new", "x", "--no-password", environ=environ)

    assert ran.code == 1
    assert "Traceback" not in ran.err
    assert ran.err.startswith("wasmarket: ")


def test_wallet__secret_is_piped_in__is_read_without_a_word(environ, tmp_path):
    ran = run_process(
        *("--home", str(tmp_path), "wallet", "new", "k", "--import", "--no-password", "--json"),
        environ=environ | {"PYTHONWARNINGS": "error"},
        stdin=f"0x{'07' * 32}\n".encode(),
    )

    assert (ran.code, ran.err) == (0, "")
    assert ran.json["name"] == "k"
