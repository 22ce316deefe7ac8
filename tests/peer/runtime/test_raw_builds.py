"""The committed modules of the raw ABI are what their sources give."""

import pytest

from examples.build_raw import EXAMPLES, SOURCES, build_example, has_pinned_tool

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.mark.parametrize("example", SOURCES)
def test_build__on_the_pinned_compiler__gives_the_committed_bytes(example: str) -> None:
    if not has_pinned_tool(example):
        pytest.skip("its pinned compiler is not installed")

    assert build_example(example) == (EXAMPLES / example / "upper.wasm").read_bytes()
