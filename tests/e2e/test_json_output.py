"""What commands write with `--json` is what the documentation says."""

import pytest

from tests.e2e.market_driver import GREETING
from tests.json_shapes import find_faults

pytestmark = pytest.mark.e2e

COMMANDS = (
    *("quote", "status", "wallet list", "wallet balance", "provider status --key alpha"),
    *(
        "offer list --all",
        "peer list",
        "peer latencies",
        "content ls",
        "audit status",
        "doctor",
        "local epoch",
    ),
    *(
        "call DEAL greeting.greeting Ada",
        "status DEAL",
        "runway DEAL",
        "versions DEAL",
        "access DEAL",
        "metrics DEAL",
        "logs DEAL",
    ),
    *("open DEAL", "trigger list DEAL", "match show DEAL", "match verify DEAL", "top-up DEAL 1"),
    *("take DEAL 0.5", "call DEAL greeting.add 2 3", "stop DEAL --dry-run", "drop 1 --dry-run"),
    *("build GREETING", "run GREETING greeting.add 2 3", "local faucet", "wallet deposit 1"),
    *("wallet withdraw 1", "quote --calls 1000 --ms 5", "deploy GREETING --new --dry-run"),
)


@pytest.mark.parametrize("line", COMMANDS)
def test_json__of_a_command__is_as_its_schema_says(market, deal, line):
    words = line.replace("DEAL", str(deal)).replace("GREETING", str(GREETING)).split()
    name = " ".join(words[:2]) if words[0] in GROUPS else words[0]

    ran = market.run(*words, "--json")

    assert ran.output, ran.err
    assert find_faults(name, ran.out) == []


GROUPS = ("wallet", "provider", "offer", "peer", "content", "audit", "local", "trigger", "match")
