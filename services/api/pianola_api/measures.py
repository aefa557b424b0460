"""What Prometheus is told of the api: event streams, and what the records hold at the moment of asking."""

from collections.abc import Iterator, Mapping

from prometheus_client import Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import DBAPIError

from pianola.records import Records, ages, datasets, runs
from pianola.records.ages import Waits
from pianola_http import measures


class Measures(measures.Measures):
    """Those of every service, and the api's own."""

    def __init__(self) -> None:
        super().__init__("pianola")
        self.open_streams = Gauge("pianola_open_streams", "Event streams open", registry=self.registry)

    def watch(self, records: Records) -> None:
        """Tell of `records` too."""
        self.registry.register(_RecordsCollector(records))


class _RecordsCollector(Collector):
    """Asks the records when it is asked itself: nothing to keep in step, whichever process changed them."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing: registering must not ask the database."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Runs and datasets by state, and what waited longest; when the database is away, only that it is."""
        reachable = GaugeMetricFamily("pianola_database_reachable", "1 where the database answered this scrape")
        try:
            with self._records.read() as session:
                counts = {"runs": runs.count_by_state(session), "datasets": datasets.count_by_state(session)}
                found = ages.look(session)
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
        yield _gauge("pianola_oldest_waiting_seconds", "What waits longest in a queue, since when", found.waiting)
        yield _gauge("pianola_quiet_seconds", "What is under way and longest without a word, since when", found.quiet)
        yield GaugeMetricFamily(
            "pianola_lapsed_lease_seconds",
            "Since the lease of a run ended that nobody took back",
            max(found.lapsed, default=0.0),
        )


def _gauge(name: str, documentation: str, kinds: Mapping[str, Waits]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, documentation, labels=["kind"])
    for kind, waits in kinds.items():
        family.add_metric([kind], waits.longest)
    return family
