"""What is measured of proofs, with its bars."""

from bench.peer.measures import PER_SECOND, SECONDS, TIMES, Measure

EPOCHS = "epochs"
MIB = "MiB"
MEASURES = (
    Measure(
        "checks",
        "receipts checked (chain, sums, inclusion), per second of processor time",
        PER_SECOND,
        "higher",
        100_000,
    ),
    Measure(
        "reruns",
        "calls of `greeting` run again by the meter, per second of processor time",
        PER_SECOND,
        "higher",
        5_000,
    ),
    Measure(
        "metered",
        "metered calls beside reserved ones, warm, over HTTP, by the clock",
        TIMES,
        "higher",
        0.8,
    ),
    Measure("metered cpu", "the same by processor time", TIMES, "higher", 0.8),
    Measure(
        "answer",
        "answer to an ask, epoch of 1,000,000 receipts: processor time until it is signed",
        SECONDS,
        "lower",
        2,
    ),
    Measure("answer memory", "the same: most memory of the process", MIB, "lower", 200),
    Measure(
        "judging",
        "calls while a jury's worker computes on the same core, beside calls without",
        TIMES,
        "higher",
        0.95,
    ),
    Measure("silence", "from the epoch lied about to the conviction: silence", EPOCHS, "lower", 5),
    Measure("contradiction", "the same: words that contradict", EPOCHS, "lower", 5),
    Measure("jury", "the same: a wrong output, by a jury", EPOCHS, "lower", 8),
)
