"""From nothing to the first answer of a deal, as a developer types it, on a local market.

A language whose compiler is not here ends the measurement: `make setup` has all of them.
"""

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from wasmarket.client.home import Home
from wasmarket_cli.building.recipes import COMPONENTS, LANGUAGES
from wasmarket_cli.local.network import start_market
from wasmarket_cli.local.plan import PeerPlan, Plan, Ports, find_free_port

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ROOT / "tools" / "wasmarket"
PEERS = (PeerPlan("alpha-1", "alpha", "DE", 16, 4_096, 10_000),)
COMPILERS = ROOT / ".tools" / "languages" / "bin"
GREET = ("greet", "Ada")
UPPER = ("upper", "--raw")
CALLS = {language: GREET if language in COMPONENTS else UPPER for language in LANGUAGES}


def measure_begin() -> dict[str, float]:
    """Return the seconds of the second time for each language: then the caches are warm."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        home = Home(Path(name) / "home")
        market = start_market(home, Plan(peers=PEERS, ports=Ports(find_free_port(), 0, 0, 0, 0)))
        try:
            for language in CALLS:
                for turn in ("cold", "warm"):
                    folder = Path(name) / turn
                    folder.mkdir(exist_ok=True)
                    began = time.perf_counter()
                    _begin(home, folder, language)
                    found[f"begin {language}"] = time.perf_counter() - began
        finally:
            market.stop()
    return found


def _begin(home: Home, folder: Path, language: str) -> None:
    name = f"shop-{language}"
    app = str(folder / name)
    _run(home, folder, "init", name, "--lang", language)
    _run(home, folder, "test", app)
    said = _run(
        *(home, folder, "deploy", app, "--new", "--yes", "--json", "--wait", "300"),
        *("--key", "developer"),
    )
    function, argument = CALLS[language]
    values = [argument, app + "/README.md"] if argument == "--raw" else [argument]
    _run(
        home, folder, "call", str(json.loads(said)["deal"]), f"shop_{language}.{function}", *values
    )


def _run(home: Home, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [COMMAND, "--home", home.root, *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PATH": f"{COMPILERS}{os.pathsep}{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {done.stderr}")
    return done.stdout
