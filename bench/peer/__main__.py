"""Measure how fast a peer calls functions: `python -m bench.peer [GROUP …]`.

Prints the table and writes bench/results/peer.json; with groups named only their rows, and the
others stay as they were measured.
"""

from bench.group_command import Groups, build_command
from bench.peer.beside import measure_beside
from bench.peer.calls import measure_calls, measure_others
from bench.peer.deploy import measure_deploy
from bench.peer.life import measure_idle, measure_life
from bench.peer.measures import MEASURES
from bench.peer.runtime import measure_runtime
from bench.peer.through_gateway import measure_through_gateway

GROUPS: Groups = {
    "runtime": measure_runtime,
    "calls": measure_calls,
    "gateway": measure_through_gateway,
    "others": measure_others,
    "beside": measure_beside,
    "life": measure_life,
    "idle": measure_idle,
    "deploy": measure_deploy,
}

cli = build_command(
    "peer",
    "Calls of a peer",
    GROUPS,
    MEASURES,
    "Measure how fast a peer calls functions, beside other systems.",
)


if __name__ == "__main__":
    cli()
