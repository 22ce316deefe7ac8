"""Measure what proofs cost: `python -m bench.audits [GROUP …]`.

Prints the table and writes bench/results/audits.json; with groups named only their rows, and the
others stay as they were measured.
"""

from bench.audits.answering import measure_answer
from bench.audits.checking import measure_checks, measure_reruns
from bench.audits.convicting import measure_convictions, measure_jury
from bench.audits.judging import measure_judging
from bench.audits.measures import MEASURES
from bench.audits.metered import measure_metered
from bench.group_command import Groups, build_command

GROUPS: Groups = {
    "checks": measure_checks,
    "reruns": measure_reruns,
    "metered": measure_metered,
    "answer": measure_answer,
    "judging": measure_judging,
    "convictions": measure_convictions,
    "jury": measure_jury,
}

cli = build_command(
    "audits",
    "Proofs",
    GROUPS,
    MEASURES,
    "Measure what checking, answering, metering and convicting cost.",
)


if __name__ == "__main__":
    cli()
