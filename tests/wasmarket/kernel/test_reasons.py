"""The numbers of reasons are the same in the contracts and in the kernel."""

import re
from pathlib import Path

import pytest

from wasmarket.kernel.reasons import BatchReason, FillReason

pytestmark = pytest.mark.unit

SOURCE = Path(__file__).parents[3] / "contracts" / "modules" / "reasons.vy"
LISTED = re.compile(r"^([A-Z_]+): constant\(uint256\) = (\d+)$", re.MULTILINE)


def test_reasons__contract_list__equals_the_kernels():
    listed = {name: int(number) for name, number in LISTED.findall(SOURCE.read_text())}
    del listed["REASON_BYTES"]

    assert listed == {reason.name: reason.value for reason in (*FillReason, *BatchReason)}
