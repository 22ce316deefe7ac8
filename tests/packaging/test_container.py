"""The image without Docker: its build stages are run step by step in folders, as they stand.

What this cannot show: the base image, the user's number, and that the last stage's COPY finds its
file. The workflow builds the image itself.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path, PurePath

import pytest

from peer.choreography.avm_file import find_avm
from tests.packaging.environments import ROOM
from tests.paths import CHECKOUT
from wasmarket import __version__

pytestmark = pytest.mark.e2e

MACHINE = ("PIP_", "UV_", "SSL_")
"""How variables begin that say where packages come from, and whom to trust for it."""
VERSIONS = """
import json, re, importlib.metadata as packages
there = {re.sub("[-_.]+", "-", p.name).lower(): p.version for p in packages.distributions()}
print(json.dumps({name: there[name] for name in there.keys() - {"pip", "setuptools"}}))
"""
DOCKERFILE = CHECKOUT / "docker" / "Dockerfile"


def read_stages(text):
    """Return the instructions of each stage, by its name or number: (word, rest)."""
    lines = [line for line in re.sub(r"\\\n", " ", text).splitlines() if line.strip()]
    stages = {}
    steps = None
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "FROM":
            _, _, name = rest.partition(" AS ")
            steps = stages[name or len(stages)] = []
        elif steps is not None and not line.startswith("#"):
            steps.append((word, rest.strip()))
    return stages


def read_lock(path):
    """Return the versions of a lock by package."""
    text = path.read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", text, re.MULTILINE))


def build(steps, room, environ):
    """Run a stage: COPY from the checkout, ENV and RUN, in `room`/src."""
    folder = room / "src"
    for word, rest in steps:
        if word == "WORKDIR":
            folder.mkdir(parents=True, exist_ok=True)
        elif word == "ENV":
            given = dict(entry.split("=", 1) for entry in shlex.split(rest))
            environ |= {name: value for name, value in given.items() if name not in environ}
        elif word == "COPY":
            *sources, target = rest.split()
            if sources[0].startswith("--from="):
                # What another stage built is in the checkout, built by the same command.
                sources = [source.removeprefix("/src/") for source in sources[1:]]
            (folder / target).mkdir(parents=True, exist_ok=True)
            for source in sources:
                copy(CHECKOUT / source, folder / target)
        else:
            assert word == "RUN", word
            done = subprocess.run(
                ["/bin/sh", "-c", rest],
                cwd=folder,
                env=environ,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, (rest, done.stderr[-2000:])


def copy(source: Path, target: Path):
    """Copy as COPY does: the contents of a folder, a file into a folder."""
    if source.is_dir():
        ignored = shutil.ignore_patterns("__pycache__", "node_modules")
        shutil.copytree(source, target, ignore=ignored, dirs_exist_ok=True)
    else:
        shutil.copy(source, target)


def is_sent(path):
    """Whether a build is given this path of the checkout, by `.dockerignore`."""
    sent = True
    for line in (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").split():
        pattern = line.removeprefix("!").removeprefix("**/")
        if PurePath(path).is_relative_to(pattern):
            sent = line.startswith("!")
    return sent


def test_image__whatever_it_copies__is_sent_to_the_build():
    stages = read_stages(DOCKERFILE.read_text(encoding="utf-8")).values()
    copied = [rest.split()[:-1] for steps in stages for word, rest in steps if word == "COPY"]
    sources = [name for names in copied if not names[0].startswith("--") for name in names]

    assert "docs/wit" in sources
    assert [name for name in sources if not is_sent(name)] == []
    assert not is_sent("docs/design.md")


def test_image__stage_of_scripts__leaves_the_module_that_peers_take(tmp_path):
    node = Path(shutil.which("npm") or "/usr/bin/npm").parent
    environ = dict(os.environ) | {"PATH": f"{node}:/usr/bin:/bin"}
    text = DOCKERFILE.read_text(encoding="utf-8")
    [copied] = re.findall(r"COPY --from=scripts (\S+) (\S+)", text)

    build(read_stages(text)["scripts"], tmp_path, environ)

    assert find_avm(str(tmp_path / copied[0].removeprefix("/"))) is not None
    assert f"WASMARKET_PEER__AVM={copied[1]}avm.wasm" in text


@dataclass
class BuildStage:
    """The build stage in a folder of its own, run as far as somebody asked for."""

    room: Path
    environ: dict[str, str]
    steps: list[tuple[str, str]]

    @property
    def environment(self):
        """The environment that the last stage takes."""
        return self.room / "wasmarket"

    def run_to(self, found):
        """Run the steps up to the one whose text has `found`, with it."""
        place = next(i for i, (_, rest) in enumerate(self.steps) if found in f" {rest}")
        now, self.steps = self.steps[: place + 1], self.steps[place + 1 :]
        build(now, self.room, self.environ)

    def run_rest(self):
        """Run all steps that are left."""
        now, self.steps = self.steps, []
        build(now, self.room, self.environ)


@pytest.fixture(scope="module")
def stage():
    """The build stage, nothing of it run; in a fixed place, so that it can stay."""
    room = ROOM / "image"
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir(parents=True)
    tools = room / "tools"
    tools.mkdir()
    (tools / "python").symlink_to(sys.executable)
    environ = {
        "PREFIX": str(room / "wasmarket"),
        "TOOLS": str(room / "installers"),
        "PATH": f"{tools}:/usr/bin:/bin",
        "HOME": os.environ.get("HOME", "/"),
        # Downloads may be kept here; in the image they would stay in a layer.
        "PIP_NO_CACHE_DIR": "0",
        "UV_NO_CACHE": "0",
        # Nor is all compiled, of which little runs here; pip understands this one upside down.
        "PIP_NO_COMPILE": "0",
        "UV_COMPILE_BYTECODE": "0",
    }
    # Where packages come from is the machine's setting, not the image's.
    ours = {name: value for name, value in os.environ.items() if name.startswith(MACHINE)}
    environ = ours | environ
    steps = read_stages(DOCKERFILE.read_text(encoding="utf-8"))["build"]
    yield BuildStage(room, environ, steps)
    shutil.rmtree(room)


@pytest.fixture(scope="module")
def installed(stage):
    """The build stage after it has installed what runs."""
    stage.run_to(" -r requirements.lock")
    return stage


def test_image__lock__is_installed_as_it_stands_and_fits_together(installed):
    listed = read_lock(CHECKOUT / "requirements.lock")
    command = [installed.environment / "bin" / "python", "-c", VERSIONS]

    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    there = json.loads(shown)
    assert len(there) > 50
    assert {name: listed.get(name) for name in there} == there


def test_image__build_stage__leaves_a_command_that_runs_without_its_source(installed, tmp_path):
    installed.run_rest()
    image = installed.environment
    environ = {"PATH": f"{image / 'bin'}:/usr/bin:/bin", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}

    def run(*arguments):
        return subprocess.run(
            arguments, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
        )

    assert run("wasmarket", "--version").stdout == f"{__version__}\n"
    for command in ("indexer", "matcher", "gateway", "peer"):
        helped = run("wasmarket", command, "run", "--help")
        assert (helped.returncode, helped.stderr) == (0, "")
    assert run("python", "-m", "pip", "--version").returncode != 0
    site = "from wasmarket.serving.explorer.files import load_site; assert load_site()"
    assert run("python", "-c", site).returncode == 0
    assert run("python", "-c", "import psycopg, numba, wasmtime").returncode == 0
