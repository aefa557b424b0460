"""What Prometheus is told of every service: requests by route, and how long each took."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

# A read takes milliseconds, 64 windows and a new generator seconds, an upload of 2 GiB minutes.
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)


class Measures:
    """One application's measures, in a registry of their own; their names begin with `prefix`."""

    def __init__(self, prefix: str) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            f"{prefix}_http_requests", "Requests answered", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            f"{prefix}_http_request_seconds",
            "Time to the first byte of an answer",
            ["method", "route"],
            registry=self.registry,
            buckets=_BUCKETS,
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request. `route` is the pattern, never the path: paths have no bounded number."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def text(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self.registry)
