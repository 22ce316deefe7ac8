"""What a meter runs again, by an engine that counts as it has to, and by one that does not."""

from dataclasses import replace

import pytest

from meter.rerun import KnownCall
from peer.hosting.fuel_vectors import SCHEDULES
from tests.peer.peer_runner import GREETING, publish
from wasmarket.content.folder import BlockFolder
from wasmarket.kernel.documents.app_parts import FUEL_SCHEDULE, Limits
from wasmarket.kernel.documents.receipts import function_hash
from wasmarket.serving.outbound import Outbound
from wasmarket_cli.auditing.execution import run_executor

pytestmark = pytest.mark.e2e

LIMITS = Limits(call_ms=2_000, fuel=10**9, fuel_schedule=FUEL_SCHEDULE)


def rerun(folder):
    """Run a call of an app that is at hand again; return its value."""
    app = publish(
        BlockFolder(folder / "blocks"), GREETING.read_bytes(), limits=LIMITS, deterministic=True
    )
    function = function_hash("greeting", "greeting")
    call = KnownCall(bytes.fromhex(app.removeprefix("0x")), function, b'["you"]', bytes(32))
    with run_executor(folder, Outbound(True), ()) as execute:
        [value] = execute([call])
    return value


def test_rerun__engine_in_the_lock__gives_a_value(tmp_path):
    assert rerun(tmp_path) is not None


def test_rerun__engine_that_counts_otherwise__cannot_tell(tmp_path, monkeypatch):
    [first, *others] = SCHEDULES[FUEL_SCHEDULE]
    spoilt = (replace(first, fuel=first.fuel + 1), *others)
    monkeypatch.setitem(SCHEDULES, FUEL_SCHEDULE, spoilt)

    assert rerun(tmp_path) is None
