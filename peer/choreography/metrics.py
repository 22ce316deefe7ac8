"""What scripts cost and how many there are, for Prometheus."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from peer.choreography.avm import Avm
from peer.choreography.memory import ParticleMemory


class ParticleMetrics(Collector):
    """Live particles, their bytes, and AquaVM's work; read when asked."""

    def __init__(self, memory: ParticleMemory, avm: Avm) -> None:
        self._memory = memory
        self._avm = avm

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are now (prometheus_client calls this)."""
        memory, avm = self._memory, self._avm
        yield GaugeMetricFamily("wasmarket_particles", "Live particles", len(memory))
        held = GaugeMetricFamily(
            "wasmarket_particle_bytes", "Bytes of live particles", labels=["place"]
        )
        held.add_metric(["memory"], memory.held_bytes)
        held.add_metric(["files"], memory.stored_bytes)
        yield held
        yield CounterMetricFamily("wasmarket_avm_invokes", "Invokes of AquaVM", avm.invokes)
        yield CounterMetricFamily(
            "wasmarket_avm_seconds", "Seconds that they took", avm.invoke_us / 1e6
        )
        yield CounterMetricFamily(
            "wasmarket_avm_restarts", "Workers of AquaVM that were replaced", avm.restarts
        )
