"""The gate of coverage: a package with too few branches is named, and one that never ran too."""

import pytest

from tools.coverage_gate import LEAST_BRANCHES, build_shares, read_files

pytestmark = pytest.mark.unit


def summary(branches, *, of=10, lines=10):
    return {
        "covered_lines": lines,
        "num_statements": 10,
        "covered_branches": branches,
        "num_branches": of,
        "percent_covered": 1.5,
    }


def test_build_shares__files_of_a_package__are_added_up():
    files = {
        "peer/run.py": summary(10, of=10),
        "peer/api/calls.py": summary(6, of=10, lines=5),
        "peers.py": summary(0),
        "gateway/run.py": summary(0),
    }

    [peer] = build_shares(files, ["peer"])

    assert (peer.lines, peer.branches, peer.is_enough) == (75.0, 80.0, True)


def test_build_shares__one_branch_short__is_not_enough():
    [peer] = build_shares({"peer/run.py": summary(799, of=1_000)}, ["peer"])

    assert peer.branches < LEAST_BRANCHES
    assert not peer.is_enough


def test_build_shares__package_that_never_ran__is_not_enough():
    [peer] = build_shares({"gateway/run.py": summary(10)}, ["peer"])

    assert (peer.branches, peer.is_enough) == (0.0, False)


def test_read_files__nothing_measured__says_what_to_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="make test"):
        read_files(tmp_path)
