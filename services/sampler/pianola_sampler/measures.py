"""What Prometheus is told: requests by route, windows drawn, and the generators in memory."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from pianola_sampler.generators import Generators


class Measures:
    """One application's measures, in a registry of their own."""

    def __init__(self, generators: Generators) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "pianola_sampler_http_requests", "Requests answered", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "pianola_sampler_http_request_seconds",
            "Time to an answer",
            ["method", "route"],
            registry=self._registry,
            # A window takes some 10 ms, 64 of them and a new generator seconds.
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
        )
        self.windows = Counter("pianola_sampler_windows", "Windows drawn", registry=self._registry)
        loads = Gauge("pianola_sampler_generator_loads", "Generators loaded so far", registry=self._registry)
        loads.set_function(lambda: generators.loads)
        held = Gauge("pianola_sampler_generators_bytes", "Generators in memory", registry=self._registry)
        held.set_function(lambda: sum(generators.held().values()))

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request. `route` is the pattern, never the path: paths have no bounded number."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def text(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self._registry)
