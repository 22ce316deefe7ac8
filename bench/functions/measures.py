"""What is measured of functions, with its bar; a group of measures for each file."""

from bench.peer.measures import MICROSECONDS, MILLISECONDS, Measure

COUNT = "firings"
TRIGGERS = (
    Measure("missed", "1,000 triggers of 1 s on one peer: missed in 60 s", COUNT, "lower", 0),
    Measure("jitter p99", "from a firing's second to its worker, p99", MILLISECONDS, "lower", 100),
    Measure("jitter p50", "the same, p50", MILLISECONDS, "lower"),
    Measure("firing cpu", "processor time of a firing, all processes", MICROSECONDS, "lower"),
)
MEASURES = (*TRIGGERS,)
