"""What is measured, with its bar."""

from bench.peer.measures import MICROSECONDS, MILLISECONDS, PER_SECOND, TIMES, Measure

MEASURES = (
    Measure(
        "invoke cpu",
        "processor time of an invoke of AquaVM, of worker and peer, others waiting",
        MICROSECONDS,
        "lower",
        350,
        "marine-js cpu",
    ),
    Measure("invoke gain", "the same beside marine-js", TIMES, "higher", 3),
    Measure(
        "single invoke cpu", "an invoke that no other waits behind", MICROSECONDS, "lower", 350
    ),
    Measure("single invoke gain", "the same beside marine-js, too", TIMES, "higher"),
    Measure("invoke alone", "of it inside AquaVM's own code", MICROSECONDS, "lower"),
    Measure("alone gain", "what a host that took no time would reach", TIMES, "higher"),
    Measure(
        "two hops p50",
        "script over two peer processes with a service call, p50",
        MILLISECONDS,
        "lower",
        12,
    ),
    Measure("two hops cpu", "processor time of the two hops, all processes", MILLISECONDS, "lower"),
    Measure("fan-out p50", "fan-out over ten peers and join, p50", MILLISECONDS, "lower", 120),
    Measure("fan-out cpu", "processor time of the fan-out, all processes", MILLISECONDS, "lower"),
    Measure(
        "particles",
        "particles with a service call each, one peer on one core",
        PER_SECOND,
        "higher",
        250,
    ),
    Measure("particles cpu", "processor time of one", MILLISECONDS, "lower"),
    Measure(
        "js-client p50",
        "round trip of js-client by the libp2p edge, p50",
        MILLISECONDS,
        "lower",
        40,
        "http p50",
    ),
    Measure(
        "calls beside",
        "plain calls while 100 particles a second run, share of without",
        TIMES,
        "higher",
        0.9,
    ),
)
