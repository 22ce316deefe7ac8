"""Start many peers at once, of one process that has read all their code."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.measuring import measured
from tests.paths import CHECKOUT
from tests.peer.peer_runner import PeerRunner


@contextmanager
def started_together(peers: Sequence[PeerRunner]) -> Iterator[None]:
    """Start all of them and wait until each answers; stop those that still run at the end."""
    paths = [str(peer.write_config()) for peer in peers]
    by_folder = {str(peer.folder.path): peer for peer in peers}
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("peer_process.py")), *paths],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(CHECKOUT), "PATH": os.defpath, **measured()},
    )
    assert process.stdout is not None
    try:
        for _ in peers:
            line = process.stdout.readline()
            assert line, "\n".join(peer.log() for peer in peers)
            said = json.loads(line)
            by_folder[said["folder"]].adopt(said["pid"], said["url"])
        yield
    finally:
        for peer in peers:
            peer.stop()
        process.kill()
        process.wait()
        process.stdout.close()
