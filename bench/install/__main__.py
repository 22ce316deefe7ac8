"""Measure the wheel in empty environments: `make bench-install`; an `anvil` is on the PATH."""

import contextlib
import json
import os
import platform
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from bench.install.idle import measure_idle

ROOT = Path(__file__).resolve().parents[2]
RESULT = ROOT / "bench" / "results" / "install.json"
ROUNDS = 5
MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class InstallRow:
    """One figure beside its bar."""

    measure: str
    value: float
    unit: str
    bar: float
    better: str = "lower"
    peer: None = None


def run(*command: str | Path, home: Path | None = None) -> None:
    """Run a command that must succeed."""
    subprocess.run(command, check=True, capture_output=True, env=_environ(home))


def install(uv: str, wheel: Path, room: Path, extras: str) -> Path:
    """Install the wheel into an empty environment; return its folder."""
    path = room / f"venv{len(list(room.iterdir()))}"
    run(uv, "venv", "--python", sys.executable, path)
    run(uv, "pip", "install", "--python", path / "bin" / "python", f"{wheel}{extras}")
    return path


def measure_size(path: Path) -> float:
    """Return the MiB that a folder takes on the disk."""
    files = (entry.lstat() for entry in path.rglob("*"))
    return sum(entry.st_blocks * 512 for entry in files) / MEBIBYTE


def measure_cpu(home: Path, *command: str | Path) -> float:
    """Return the least CPU seconds of several runs of a command, which may fail."""
    best = float("inf")
    for _ in range(ROUNDS):
        before = _children()
        subprocess.run(command, capture_output=True, check=False, env=_environ(home))
        best = min(best, _children() - before)
    return best


@contextlib.contextmanager
def local_market(wasmarket: Path, home: Path) -> Iterator[psutil.Process]:
    """Run `wasmarket local up` until it is ready, and then for as long as the block lasts."""
    command = [str(wasmarket), "local", "up", "--free-ports", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environ(home)
    ) as process:
        try:
            assert process.stdout is not None
            if not json.loads(process.stdout.readline() or b"{}").get("ready"):
                raise SystemExit("the local market did not start; see its logs")
            yield psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def measure(uv: str, room: Path) -> list[InstallRow]:
    """Return all rows. The first install only fills the cache of wheels."""
    run(uv, "build", "--wheel", "--python", sys.executable, "--out-dir", room / "dist", ROOT)
    wheel = next((room / "dist").glob("*.whl"))
    client, peer = install(uv, wheel, room, ""), install(uv, wheel, room, "[peer]")
    shutil.rmtree(install(uv, wheel, room, "[all]"))
    home = room / "home"
    home.mkdir()
    began = time.monotonic()
    whole = install(uv, wheel, room, "[all]")
    installed = time.monotonic() - began
    with local_market(whole / "bin" / "wasmarket", home) as market:
        up = time.monotonic() - began
        status = measure_cpu(home, whole / "bin" / "wasmarket", "status")
        idle = measure_idle(market)
    helped = measure_cpu(home, whole / "bin" / "wasmarket", "--help")
    return [
        InstallRow("pip install wasmarket[all], wheels cached", installed, "s", 60),
        InstallRow("the same until `wasmarket local up` is ready", up, "s", 60),
        InstallRow("installed size, client", measure_size(client), "MiB", 60),
        InstallRow("installed size, peer", measure_size(peer), "MiB", 150),
        InstallRow("wasmarket --help, CPU", helped, "s", 0.1),
        InstallRow("wasmarket status, CPU", status, "s", 0.35),
        *build_idle_rows(idle),
    ]


def build_idle_rows(used: Mapping[str, float]) -> list[InstallRow]:
    """Return the rows of a local market that nobody asks for anything."""
    bars = {"all": 0.1, "matcher": 0.03, "indexer": 0.02, "gateway": 0.02, "peer": 0.04}
    names = {"all": "all processes", "peer": "its three peers"}
    return [
        InstallRow(f"idle local market, {names.get(kind, kind)}", used[kind], "cores", bar)
        for kind, bar in bars.items()
    ]


def measure_checkout(home: Path) -> list[InstallRow]:
    """Return the rows of this checkout's idle market alone."""
    with local_market(ROOT / "tools" / "wasmarket", home) as market:
        return build_idle_rows(measure_idle(market))


def main() -> None:
    """Measure, print and write the figures; `idle`: only that of an idle market, of the checkout
    as it stands, and nothing is written.
    """
    if sys.argv[1:] == ["idle"]:
        with tempfile.TemporaryDirectory(prefix="wasmarket-idle-") as folder:
            show(measure_checkout(Path(folder)))
        return
    own = ROOT / ".tools" / "bin" / "uv"
    uv = str(own) if own.exists() else shutil.which("uv")
    if uv is None:
        raise SystemExit("uv is missing: run `make setup`")
    load = os.getloadavg()[0]
    machine = (
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, load {load:.1f} before the run"
    )
    with tempfile.TemporaryDirectory(prefix="wasmarket-install-") as folder:
        rows = measure(uv, Path(folder))
    show(rows)
    document = {"machine": machine, "rows": [asdict(row) for row in rows]}
    RESULT.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"{machine}\nwritten to bench/results/{RESULT.name}")


def show(rows: Sequence[InstallRow]) -> None:
    """Print rows beside their bars."""
    for row in rows:
        missed = "" if row.value <= row.bar else "   over the bar"
        print(f"{row.measure:<48}{row.value:>10.3f} {row.unit:<5} bar {row.bar:g}{missed}")


def _environ(home: Path | None) -> dict[str, str]:
    # Where packages come from, and whom to trust there, is the machine's setting.
    ours = ("WASMARKET_", "PYTHON", "VIRTUAL_ENV")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    if home is not None:
        environ["HOME"] = str(home)
    return environ


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
