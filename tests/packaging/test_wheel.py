"""The wheel in an empty environment, outside the checkout: commands, extras, the quickstart."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

import pytest

from tests.packaging.environments import PYTHONS, ROOM, SUPPORTED, Environment, uv
from tests.paths import CHECKOUT
from wasmarket import __version__

pytestmark = pytest.mark.e2e

QUICKSTART = (CHECKOUT / "docs" / "quickstart.md").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    uv("build", "--wheel", "--python", sys.executable, "--out-dir", folder, CHECKOUT)
    return next(folder.glob("wasmarket-*.whl"))


@pytest.fixture(scope="session")
def install(wheel, tmp_path_factory):
    """A function that installs the wheel with extras under a version of Python, each once."""
    made = {}

    def build(version, extras=""):
        name = f"{version}-{re.sub(r'[^a-z0-9]', '', extras) or 'base'}"
        if name not in made:
            path = ROOM / name
            uv("venv", "--clear", "--python", PYTHONS[version], path)
            uv("pip", "install", "--python", path / "bin" / "python", f"{wheel}{extras}")
            # Before anything runs: Python adds what it compiles from this.
            made[name] = Environment(path, tmp_path_factory.mktemp("home"), installed_size(path))
        return made[name]

    return build


def of_python(version):
    missing = version not in PYTHONS
    mark = pytest.mark.skipif(missing, reason=f"there is no Python {version} here")
    return pytest.param(version, marks=mark)


EVERY = [of_python(version) for version in SUPPORTED]
ALL = "WASMARKET_TEST_PYTHONS"
"""Set to `all`: the quickstart under every Python, each of which compiles the engine once."""
OWN_VERSION = "{}.{}".format(*sys.version_info)
WITH_QUICKSTART = EVERY if os.environ.get(ALL) == "all" else EVERY[:1]


def read_section(title):
    """Return the `wasmarket` commands of the first code block below a heading."""
    block = QUICKSTART.partition(f"## {title}\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^wasmarket [^\n#]*", block, re.MULTILINE)
    return [line.strip() for line in lines]


def installed_size(path):
    """Return what `du -sm` says of a folder."""
    done = subprocess.run(["du", "-sm", path], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[0])


@pytest.mark.parametrize("version", EVERY)
def test_wheel__without_extras__is_the_client_and_names_what_the_rest_needs(install, version):
    environment = install(version)

    shown = environment.run("wasmarket", "--version")
    helped = environment.run("wasmarket", "deploy", "--help")
    copied = environment.run("wasmarket", "example", "greeting")
    refused = environment.run("wasmarket", "matcher", "run")
    imported = environment.run(
        "python",
        "-c",
        "import wasmarket; wasmarket.connect(key=bytes(31) + b'1').developer.address",
    )

    assert (shown.returncode, shown.stdout) == (0, f"{__version__}\n"), shown.stderr
    assert helped.returncode == copied.returncode == imported.returncode == 0
    assert (environment.home / "greeting" / "greeting.wasm").is_file()
    assert refused.returncode == 2
    assert "pip install 'wasmarket[matcher]'" in refused.stderr


def test_wheel__client_and_peer__are_small(install):
    newest = max(PYTHONS, key=lambda version: int(version.partition(".")[2]))

    assert install(newest).mebibytes <= 60


def test_wheel__peer__is_small_and_runs_functions(install):
    environment = install("3.11", "[peer]")

    environment.run("wasmarket", "example", "greeting")
    ran = environment.run("wasmarket", "run", "greeting", "greeting.greeting", "World")

    assert (ran.returncode, ran.stdout) == (0, "Hi, World\n"), ran.stderr
    assert environment.mebibytes <= 150


@pytest.fixture(scope="module", params=WITH_QUICKSTART)
def everything(request, install):
    """The wheel with all its extras under one Python."""
    environment = install(request.param, "[all]")
    if request.param == OWN_VERSION:
        environment.take_kernels()
    return environment


@pytest.fixture(scope="module")
def market(everything):
    """A local market that was started there, and what it said once it was ready."""
    up = everything.start("wasmarket", "local", "up", "--free-ports", "--json")
    line = up.stdout.readline()
    assert line, up.communicate()[1]
    with up:
        yield up, json.loads(line)
        if up.poll() is None:
            up.send_signal(signal.SIGTERM)


def test_wheel__all__names_every_command(everything):
    helped = everything.run("wasmarket", "--help")

    assert (helped.returncode, helped.stderr) == (0, "")
    assert {"deploy", "matcher", "peer", "local"} <= set(helped.stdout.split())


def test_wheel__all__brings_a_market_up_with_its_pages(everything, market):
    _, said = market

    shown = everything.run("wasmarket", "explorer", "--print")
    page = urllib.request.urlopen(shown.stdout.strip(), timeout=30).read()

    assert said["ready"] is True
    assert b"/explorer/explorer.js" in page


def test_wheel__all__plays_the_quickstart(everything, market):
    said = {}
    for command in read_section("Developer: deploy, call, pay"):
        done = everything.run(*command.split())
        assert done.returncode == 0, (command, done.stderr)
        said[command] = done.stdout

    assert "Hi, World\n" in said["wasmarket call 1 greeting.greeting World"]
    assert len(said) >= 12


def test_wheel__market__ends_when_it_is_told_to(market):
    up, _ = market

    up.send_signal(signal.SIGTERM)
    _, words = up.communicate(timeout=180)

    assert (up.returncode, "Traceback" in words) == (0, False), words
