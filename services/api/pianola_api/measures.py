"""What Prometheus is told: requests by route, and what the records hold at the moment of asking."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import DBAPIError

from pianola.records import Records, datasets, runs


class Measures:
    """One application's measures, in a registry of their own."""

    def __init__(self, records: Records) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "pianola_http_requests", "Requests answered", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "pianola_http_request_seconds",
            "Time to the first byte of an answer",
            ["method", "route"],
            registry=self._registry,
            # A read takes milliseconds; an upload of 2 GiB takes minutes.
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
        )
        self.open_streams = Gauge("pianola_open_streams", "Event streams open", registry=self._registry)
        self._registry.register(_RecordsCollector(records))

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request. `route` is the pattern, never the path: paths have no bounded number."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def text(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self._registry)


class _RecordsCollector(Collector):
    """Asks the records when it is asked itself: nothing to keep in step, whichever process changed them."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing: registering must not ask the database."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Runs and datasets by state; when the database is away, only that it is."""
        reachable = GaugeMetricFamily("pianola_database_reachable", "1 where the database answered this scrape")
        try:
            with self._records.read() as session:
                counts = {"runs": runs.count_by_state(session), "datasets": datasets.count_by_state(session)}
        except DBAPIError:
            reachable.add_metric([], 0)
            yield reachable
            return
        reachable.add_metric([], 1)
        yield reachable
        for kind, states in counts.items():
            family = GaugeMetricFamily(f"pianola_{kind}", f"{kind.capitalize()} by state", labels=["state"])
            for state, count in states.items():
                family.add_metric([state], count)
            yield family
