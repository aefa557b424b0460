"""What Prometheus is told of the sampler: windows drawn, and the generators in memory."""

from prometheus_client import Counter, Gauge

from pianola_http import measures
from pianola_sampler.generators import Generators


class Measures(measures.Measures):
    """Those of every service, and the sampler's own."""

    def __init__(self, generators: Generators) -> None:
        super().__init__("pianola_sampler")
        self.windows = Counter("pianola_sampler_windows", "Windows drawn", registry=self.registry)
        loads = Gauge("pianola_sampler_generator_loads", "Generators loaded so far", registry=self.registry)
        loads.set_function(lambda: generators.loads)
        held = Gauge("pianola_sampler_generators_bytes", "Generators in memory", registry=self.registry)
        held.set_function(lambda: sum(generators.held().values()))
