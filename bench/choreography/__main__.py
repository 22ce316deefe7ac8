"""Measure how fast scripts run: `python -m bench.choreography [GROUP …]`.

Prints the table and writes bench/results/choreography.json; with groups named only their rows,
and the others stay as they were measured.
"""

from bench.choreography.avm import measure_invoke
from bench.choreography.measures import MEASURES
from bench.choreography.scripts import (
    measure_fan_out,
    measure_js_client,
    measure_particles,
    measure_two_hops,
)
from bench.group_command import Groups, build_command

GROUPS: Groups = {
    "invoke": measure_invoke,
    "two-hops": measure_two_hops,
    "fan-out": measure_fan_out,
    "particles": measure_particles,
    "js-client": measure_js_client,
}

cli = build_command(
    "choreography",
    "Scripts",
    GROUPS,
    MEASURES,
    "Measure how fast scripts run, beside npm marine-js.",
)


if __name__ == "__main__":
    cli()
