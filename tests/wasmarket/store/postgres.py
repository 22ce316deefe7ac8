"""A private PostgreSQL server for tests, or the one that WASMARKET_TEST_POSTGRES names."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wasmarket_cli.local.plan import find_free_port

VARIABLE = "WASMARKET_TEST_POSTGRES"


def find_binaries() -> Path | None:
    """Return the folder of Debian's server binaries, the newest."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    return Path(on_path).resolve().parent if on_path else None


@contextmanager
def run_postgres() -> Iterator[str]:
    """Give the URL of a server's database; skips, saying why, where there is none."""
    url = os.environ.get(VARIABLE)
    if url:
        yield url
        return
    binaries = find_binaries()
    if binaries is None:
        pytest.skip(f"no PostgreSQL: install Debian's postgresql or set {VARIABLE}")
    as_root = os.geteuid() == 0
    if as_root and "postgres" not in {entry.pw_name for entry in pwd.getpwall()}:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    user = "postgres" if as_root else None
    # Not below pytest's folder: that one is closed to other users.
    with tempfile.TemporaryDirectory(prefix="wasmarket-postgres-") as name:
        if as_root:
            shutil.chown(name, "postgres")
        data = Path(name) / "data"
        port = find_free_port()
        _run(user, binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync")
        options = f"-F -p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
        log = Path(name) / "log"
        _run(user, binaries / "pg_ctl", "-D", data, "-w", "-l", log, "-o", options, "start")
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            _run(user, binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


def _run(user: str | None, *command: object) -> None:
    subprocess.run(
        [str(part) for part in command],
        check=True,
        user=user,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        cwd="/",
    )
