"""Run an S3-compatible server of others (npm s3rver)."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.paths import CHECKOUT

KEY = SECRET = "S3RVER"
"""The only account that the server knows."""


@contextmanager
def run_s3(folder: Path) -> Iterator[str]:
    """Give the URL of a server with the empty bucket `copies`."""
    program = Path(__file__).with_name("s3_server.js")
    process = subprocess.Popen(
        ["node", str(program), str(CHECKOUT / "tools" / "node_modules"), str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        assert url, "the server did not start: run `make setup`"
        yield url
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
