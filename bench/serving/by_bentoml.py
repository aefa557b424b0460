"""The rival BentoML: `GENERATOR=FILE bentoml serve by_bentoml:Playing --port PORT`."""

import base64
import os
from pathlib import Path

import bentoml
from player import Player


@bentoml.service(workers=1, traffic={"timeout": 60}, metrics={"enabled": True})
class Playing:
    """One worker with adaptive batching."""

    def __init__(self) -> None:
        self.player = Player(Path(os.environ["GENERATOR"]))

    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=60_000)
    def play(self, seeds: list[int]) -> list[str]:
        """A batchable endpoint answers lists of JSON: files are written in base64."""
        return [base64.b64encode(midi).decode() for midi in self.player.play(seeds)]
