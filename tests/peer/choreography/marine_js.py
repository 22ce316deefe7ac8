"""Ask npm marine-js what AquaVM gives, for the same arguments."""

import json
import subprocess
from pathlib import Path
from typing import Any

from peer.choreography.avm_file import CHECKOUT

PROGRAM = Path(__file__).with_name("marine_js.mjs")


def invoke_in_marine_js(invokes: list[list[Any]], repeat: int = 0) -> dict[str, Any]:
    """Return `outcomes` and the processor `times` (µs, mean of `repeat`) of these invokes.

    Each is the list of arguments as it goes to AquaVM.
    """
    done = subprocess.run(
        ["node", str(PROGRAM), str(CHECKOUT / "node_modules"), str(repeat)],
        input=json.dumps(invokes, default=list).encode(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-2_000:]
    return json.loads(done.stdout)
