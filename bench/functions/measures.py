"""What is measured of functions, with its bar; a group of measures for each file."""

from bench.peer.measures import (
    MICROSECONDS,
    MILLISECONDS,
    PER_SECOND,
    SECONDS,
    TIMES,
    Measure,
)
from wasmarket_cli.building.recipes import LANGUAGES as BUILT

COUNT = "firings"
TRIGGERS = (
    Measure("missed", "1,000 triggers of 1 s on one peer: missed in 60 s", COUNT, "lower", 0),
    Measure("jitter p99", "from a firing's second to its worker, p99", MILLISECONDS, "lower", 100),
    Measure("jitter p50", "the same, p50", MILLISECONDS, "lower"),
    Measure("jitter worst", "the same, p99 of the slowest second", MILLISECONDS, "lower"),
    Measure("firing cpu", "processor time of a firing, all processes", MICROSECONDS, "lower"),
)
LANGUAGES = {"python": "Python", "js": "JavaScript (QuickJS)"}
WARM_BARS = {"python": 6_000.0, "js": 8_000.0}
FRESH_BARS = {"python": 350.0, "js": 2_500.0}
FIRST_BAR = 150.0
BEGIN_BAR = 60.0
WORKERD = "workerd"


def list_measures() -> tuple[Measure, ...]:
    """Return the rows of languages in the order in which people read them."""
    rows = []
    for key, name in LANGUAGES.items():
        rows += [
            Measure(
                f"{key} warm",
                f"{name}, warm, c=16",
                PER_SECOND,
                "higher",
                WARM_BARS[key],
                WORKERD,
            ),
            Measure(f"{key} beside", f"{name} beside workerd, by the clock", TIMES, "higher"),
            Measure(f"{key} beside cpu", f"{name} beside workerd, by CPU", TIMES, "higher"),
            Measure(f"{key} warm cpu", f"processor time of a call, {name}", MICROSECONDS, "lower"),
            Measure(
                f"{key} fresh",
                f"{name}, fresh instance, c=16",
                PER_SECOND,
                "higher",
                FRESH_BARS[key],
            ),
            Measure(
                f"{key} fresh cpu",
                f"processor time of a call, {name}, fresh",
                MICROSECONDS,
                "lower",
            ),
        ]
    rows += [
        Measure(WORKERD, "workerd (JavaScript on V8), warm, c=16", PER_SECOND, "higher"),
        Measure("workerd cpu", "processor time of a call, workerd", MICROSECONDS, "lower"),
        Measure(
            "first call",
            "first call of a Python service after a restart, p99",
            MILLISECONDS,
            "lower",
            FIRST_BAR,
        ),
    ]
    rows += [
        Measure(
            f"begin {language}",
            f"init to first answer, {language}, caches warm",
            SECONDS,
            "lower",
            BEGIN_BAR,
        )
        for language in BUILT
    ]
    return tuple(rows)


MEASURES = (*TRIGGERS, *list_measures())
