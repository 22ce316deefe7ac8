"""Measure functions: `python -m bench.functions [GROUP …]`.

Prints the table and writes bench/results/functions.json; with groups named only their rows, and
the others stay as they were measured.
"""

from bench.functions.begin import measure_begin
from bench.functions.calls import measure_first, measure_fresh, measure_warm
from bench.functions.measures import MEASURES
from bench.functions.triggers import measure_triggers
from bench.group_command import Groups, build_command

GROUPS: Groups = {
    "triggers": measure_triggers,
    "warm": measure_warm,
    "fresh": measure_fresh,
    "first": measure_first,
    "begin": measure_begin,
}

cli = build_command(
    "functions", "Functions", GROUPS, MEASURES, "Measure functions as developers meet them."
)


if __name__ == "__main__":
    cli()
