"""An emulator of 64-bit Arm and a Python of it, beside all else that is installed here.

As a program: lay them into `.build/engines/arm64`, from Debian's signed packages and the wheels
that the locks name; some 90 MB. Needs Debian or Ubuntu, but no rights: nothing is installed.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).parents[3]
ROOM: Final = CHECKOUT / ".build" / "engines" / "arm64"
EMULATOR: Final = ROOM / "qemu-aarch64-static"
LOCK: Final = CHECKOUT / "requirements.lock"
BEFORE: Final = Path(__file__).with_name("49.0.0.txt")
NEEDED: Final = ("msgspec", "cffi", "pycparser", "pycryptodome", "cronsim", "typing-extensions")
"""What hosting a service imports beside the engine."""
WHEELS: Final = "aarch64-manylinux_2_28"


def find_command(*, before: bool = False) -> list[str]:
    """Return what runs a program of the checkout as Arm code, by the engine in the lock.

    `before`: by the release before it. Empty where no emulator was laid.
    """
    if not (ROOM / "whole").exists():
        return []
    wheels = ROOM / ("before" if before else "locked")
    paths = os.pathsep.join((str(wheels), str(ROOM / "wheels"), str(CHECKOUT)))
    return [str(EMULATOR), "-L", str(ROOM / "root"), "-E", f"PYTHONPATH={paths}", str(_python())]


def lay() -> None:
    """Lay emulator, Python and wheels anew; nothing is found there until all of it is."""
    shutil.rmtree(ROOM, ignore_errors=True)
    _unpack(_download("arm64", "python3"), ROOM / "root")
    own = subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip()
    _unpack(_download(own, "qemu-user-static"), ROOM / "host")
    # Of some forty processors one.
    (ROOM / "host" / "usr" / "bin" / EMULATOR.name).rename(EMULATOR)
    shutil.rmtree(ROOM / "host")
    version = _python().name.removeprefix("python")
    _install(version, _read_lock(LOCK, NEEDED), ROOM / "wheels")
    _install(version, _read_lock(LOCK, ["wasmtime"]), ROOM / "locked")
    _install(version, BEFORE.read_text(encoding="utf-8"), ROOM / "before")
    (ROOM / "whole").touch()


def _python() -> Path:
    [found] = (ROOM / "root/usr/bin").glob("python3.[0-9][0-9]")
    return found


def _download(architecture: str, package: str) -> list[Path]:
    """Download a package and all that it needs, with lists and a cache of its own."""
    state = ROOM / f"apt-{architecture}"
    (state / "lists" / "partial").mkdir(parents=True)
    (state / "archives" / "partial").mkdir(parents=True)
    (state / "status").touch()
    options = {
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Install-Recommends": "0",
        "APT::Sandbox::User": "",
        "Debug::NoLocking": "1",
        "Dir::State": state,
        "Dir::State::lists": state / "lists",
        "Dir::State::status": state / "status",
        "Dir::Cache": state,
    }
    command = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in options.items())]
    subprocess.run([*command, "update"], check=True)
    subprocess.run([*command, "install", "-y", "--download-only", package], check=True)
    return sorted((state / "archives").glob("*.deb"))


def _unpack(packages: Sequence[Path], into: Path) -> None:
    for package in packages:
        subprocess.run(["dpkg-deb", "--extract", package, into], check=True)
    shutil.rmtree(packages[0].parents[1])


def _read_lock(lock: Path, names: Iterable[str]) -> str:
    """Return the lines of a lock about some packages, with their hashes."""
    entries = re.findall(r"^\S+==.*(?:\n +--hash.*)+", lock.read_text(encoding="utf-8"), re.M)
    return "\n".join(e for e in entries if e.partition("==")[0] in names)


def _install(version: str, wanted: str, into: Path) -> None:
    arguments = ["--python-platform", WHEELS, "--python-version", version, "--target", str(into)]
    checks = ["--require-hashes", "--only-binary", ":all:", "--no-deps"]
    uv = [CHECKOUT / ".tools" / "bin" / "uv", "pip", "install", "-q"]
    subprocess.run([*uv, *arguments, *checks, "-r", "-"], input=wanted, text=True, check=True)


if __name__ == "__main__":
    if missing := [name for name in ("apt-get", "dpkg-deb") if shutil.which(name) is None]:
        sys.exit(f"arm64: {', '.join(missing)} is not here: this needs Debian or Ubuntu")
    try:
        lay()
    except subprocess.CalledProcessError as error:
        sys.exit(f"arm64: {error}; are the package registries reachable?")
    print(f"laid in {ROOM}")
