"""Files of a peer: whole at every moment, whoever writes them."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from peer.folder import write_atomically

pytestmark = pytest.mark.unit


def test_write__by_many_threads_at_once__leaves_one_whole_file(tmp_path):
    path = tmp_path / "module"
    contents = [bytes([number]) * 10_000 for number in range(8)] * 8

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: write_atomically(path, content), contents))

    assert path.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [path]
