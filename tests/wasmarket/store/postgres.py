"""A private PostgreSQL server for tests, or the one that WASMARKET_TEST_POSTGRES names."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

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


@contextmanager
def run_pgbouncer(server: str, connections: int = 4) -> Iterator[str]:
    """Give the URL of a PgBouncer before a server, which lends connections for a transaction.

    Skips, saying why, where there is none.
    """
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        pytest.skip("no PgBouncer: install Debian's pgbouncer")
    target, port = make_url(server), find_free_port()
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="wasmarket-pgbouncer-") as name:
        config = Path(name) / "pgbouncer.ini"
        config.write_text(
            f"[databases]\n* = host={target.host} port={target.port} user={target.username}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\n"
            f"pool_mode = transaction\ndefault_pool_size = {connections}\n"
            "max_client_conn = 200\nunix_socket_dir =\n"
        )
        if user:
            # It does not run as root.
            shutil.chown(name, user)
        with subprocess.Popen([program, "-q", str(config)], user=user) as process:
            try:
                _wait_for_port(port, process)
                yield target.set(port=port).render_as_string(hide_password=False)
            finally:
                process.kill()


def _wait_for_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    pause = threading.Event()
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        pause.wait(0.02)
    raise AssertionError("PgBouncer ended")
