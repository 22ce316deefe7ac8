"""Several processes on one SQLite file: they migrate once, and a killed leader is replaced."""

import subprocess
import sys

import pytest
from sqlalchemy import text

from wasmarket.store.database import open_database, sqlite_url
from wasmarket.store.leader import Leader

pytestmark = pytest.mark.e2e

UPGRADE = """
import sys
from wasmarket.store.database import open_database
from wasmarket.store.migrate import upgrade
database = open_database(sys.argv[1])
sys.stdin.readline()
upgrade(database)
"""

HOLD = """
import sys
from wasmarket.store.database import open_database
from wasmarket.store.leader import Leader
leader = Leader(open_database(sys.argv[1]), "indexer")
print(leader.acquire(), flush=True)
sys.stdin.readline()
"""


def test_upgrade__processes_start_together__one_migrates_and_all_go_on(tmp_path):
    url = sqlite_url(tmp_path / "new.sqlite")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", UPGRADE, url], stdin=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(4)
    ]
    outcomes = []
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    for process in processes:
        _, errors = process.communicate(timeout=180)
        outcomes.append((process.returncode, errors.decode()[-300:]))

    assert outcomes == [(0, "")] * 4
    database = open_database(url)
    with database.read() as session:
        assert session.scalar(text("SELECT version_num FROM alembic_version"))
    database.close()


def test_acquire__holder_killed__is_free_at_once(database):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database.engine.url)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"True\n"
    leader = Leader(database, "indexer")
    assert not leader.acquire()

    holder.kill()
    holder.communicate()

    assert leader.acquire()
    leader.release()
