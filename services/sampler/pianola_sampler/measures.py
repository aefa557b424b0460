"""What Prometheus is told of the sampler: how long requests wait, what batches hold and cost, what is in memory."""

from collections.abc import Callable
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from pianola_http import measures

# Seconds. A request alone waits for nothing; one behind a batch of 64 windows of a large model waits seconds.
_WAITS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
_SIZES: Final = (1, 2, 4, 8, 16, 32, 64)


class Measures(measures.Measures):
    """Those of every service, and the sampler's own."""

    def __init__(self) -> None:
        super().__init__("pianola_sampler")
        self.windows = Counter("pianola_sampler_windows", "Windows answered", registry=self.registry)
        self._queue = Histogram(
            "pianola_sampler_queue_seconds",
            "From asking for windows to the batch that decodes them",
            registry=self.registry,
            buckets=_WAITS,
        )
        self._batches = Histogram(
            "pianola_sampler_batch_windows", "Windows in a batch", registry=self.registry, buckets=_SIZES
        )
        self._decode = Histogram(
            "pianola_sampler_decode_seconds",
            "Time to decode a batch; checkpoints asked for by digest are one model, `by digest`",
            ["model"],
            registry=self.registry,
            buckets=_WAITS,
        )

    def watch(self, name: str, help_: str, value: Callable[[], float]) -> None:
        """Tell a value as it is whenever it is asked for."""
        Gauge(f"pianola_sampler_{name}", help_, registry=self.registry).set_function(value)

    def waited(self, seconds: float) -> None:
        """Count a request's time in the queue."""
        self._queue.observe(seconds)

    def decoded(self, model: str, windows: int, seconds: float) -> None:
        """Count a batch."""
        self._batches.observe(windows)
        self._decode.labels(model).observe(seconds)
