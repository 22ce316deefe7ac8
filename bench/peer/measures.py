"""What is measured, with its bar and whom it is compared with."""

from dataclasses import dataclass

PER_SECOND = "1/s"
MILLISECONDS = "ms"
MICROSECONDS = "µs"
SECONDS = "s"
TIMES = "×"


@dataclass(frozen=True, slots=True)
class Measure:
    """One row; `peer` names the system that the row is compared with, if it has a row itself."""

    key: str
    name: str
    unit: str
    better: str
    bar: float | None = None
    peer: str | None = None


WORKERD = "workerd"
FRAMEWORK = "framework"
MEASURES = (
    Measure("call warm", "call over HTTP, warm, c=16", PER_SECOND, "higher", 12_000, WORKERD),
    Measure("call fresh", "call over HTTP, fresh instance, c=16", PER_SECOND, "higher", 8_000),
    Measure(
        "call warm new heads", "call over HTTP, warm, no two heads alike", PER_SECOND, "higher"
    ),
    Measure(
        "beside same heads",
        "calls beside workerd, five interleaved rounds, same heads",
        TIMES,
        "higher",
        1.5,
    ),
    Measure(
        "beside new heads",
        "calls beside workerd, five interleaved rounds, no two heads alike",
        TIMES,
        "higher",
        1.2,
    ),
    Measure("beside same heads cpu", "the same by processor time, same heads", TIMES, "higher"),
    Measure("beside new heads cpu", "the same by processor time, no two alike", TIMES, "higher"),
    Measure("call warm c=1", "call over HTTP, warm, c=1", PER_SECOND, "higher"),
    Measure(
        "call warm cpu",
        "processor time of a call, warm",
        MICROSECONDS,
        "lower",
        None,
        "workerd cpu",
    ),
    Measure("call fresh cpu", "processor time of a call, fresh", MICROSECONDS, "lower"),
    Measure("call warm p50", "median of a call, warm, c=16", MILLISECONDS, "lower"),
    Measure("call warm p99", "p99 of a call, warm, c=16", MILLISECONDS, "lower", 5),
    Measure("gateway", "call through a gateway, warm, c=16", PER_SECOND, "higher", 5_000),
    Measure("gateway p99", "p99 of a call through a gateway", MILLISECONDS, "lower"),
    Measure("gateway cpu", "processor time of the gateway for a call", MICROSECONDS, "lower"),
    Measure("gateway adds", "what a gateway adds to the median, c=1", MILLISECONDS, "lower", 1),
    Measure("first call", "first call after a restart, p99", MILLISECONDS, "lower", 20),
    Measure("update failed", "calls that fail in an update at 1,000/s", "calls", "lower", 0),
    Measure("idle memory", "memory with 1,000 idle services", "MiB", "lower", 1_024),
    Measure("idle restart", "restart with 1,000 idle services", SECONDS, "lower", 10),
    Measure(WORKERD, "workerd, warm, c=16", PER_SECOND, "higher"),
    Measure(FRAMEWORK, "functions-framework (Node), warm, c=16", PER_SECOND, "higher"),
    Measure("workerd cpu", "processor time of a call, workerd", MICROSECONDS, "lower"),
    Measure("framework cpu", "processor time of a call, framework", MICROSECONDS, "lower"),
    Measure("greeting typed", "Marine greeting in process", PER_SECOND, "higher", 100_000),
    Measure(
        "greeting warm",
        "Marine greeting in process, JSON to JSON with limits",
        PER_SECOND,
        "higher",
    ),
    Measure("digest warm", "hash of 1 KiB in process, warm", PER_SECOND, "higher"),
    Measure("digest fresh", "hash of 1 KiB in process, fresh", PER_SECOND, "higher"),
    Measure("deploy", "match to answer, 1 MB, 1 s blocks", SECONDS, "lower", 3),
    Measure("deploy max", "match to answer, slowest of five", SECONDS, "lower"),
    Measure("deploy unnoticed", "match to answer, without a matcher's notice", SECONDS, "lower"),
    Measure(
        "deploy unnoticed max",
        "match to answer, without a matcher's notice, slowest of five",
        SECONDS,
        "lower",
    ),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A measure with its value, and that of the system beside it."""

    measure: Measure
    value: float
    peer: float | None

    @property
    def is_missed(self) -> bool:
        """Whether the bar is missed."""
        bar = self.measure.bar
        if bar is None:
            return False
        return self.value < bar if self.measure.better == "higher" else self.value > bar


def build_rows(values: dict[str, float], measures: tuple[Measure, ...] = MEASURES) -> list[Row]:
    """Return the rows of what was measured, in the order of the measures."""
    return [
        Row(measure, values[measure.key], values.get(measure.peer or ""))
        for measure in measures
        if measure.key in values
    ]
