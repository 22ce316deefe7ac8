"""Answer one ask from a folder and sign the transaction; print what that took.

`python -m bench.audits.answer_once FOLDER ASSIGNMENT EPOCH SEQUENCE`, a process of its own so that
its memory is that of the answer.
"""

import json
import sys
import time
from pathlib import Path

from peer.chain_state.view import OpenAsk
from peer.duties.answers import Answers, EvidencePlace
from wasmarket.chain.contracts.bindings import Audits
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.chain.sending.signing import TransactionPlan, sign_plan
from wasmarket.chain.sending.wallet import Account
from wasmarket.testing.fake_chain import fake_deployment

KIB = 1 << 10


def main() -> None:
    """Answer as a peer's submitter does, without a node."""
    folder, assignment, epoch, sequence = Path(sys.argv[1]), *map(int, sys.argv[2:])
    deployment = fake_deployment()
    audits = Audits(Rpc("http://127.0.0.1:1"), deployment)
    answers = Answers([EvidencePlace(folder)])
    wallet = Account.from_key(b"\x07" * 32)
    began = time.process_time()
    summed, called = answers.find(OpenAsk(1, assignment, epoch, sequence, 0))
    call = audits.call("answer", 1, summed, called)
    sign_plan(TransactionPlan(call, deployment.chain_id, 0, 200_000, 1, 2), wallet)
    seconds = time.process_time() - began
    print(json.dumps({"seconds": seconds, "bytes": read_peak()}))


def read_peak() -> int:
    """Return the most bytes of memory that this program had since it was started.

    `getrusage` would count what the process was before, a copy of the one that started it.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * KIB


if __name__ == "__main__":
    main()
