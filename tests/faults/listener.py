"""Somebody who has the same music played again and again while faults strike."""

import threading
from collections import Counter
from typing import Final

import httpx

from .deployment import Deployment

REQUEST: Final = {"seed": 7, "n": 1}
EVERY_SECONDS: Final = 1.0
PASSING: Final = (429, 503, 504)
"""What the sampler may answer while something that it needs is away."""


class Listener:
    """Every answer is the music of before the storm, bit for bit, or a problem that says that it will pass.

    `heard` counts the answers by their kind, `misheard` are sentences on those that were neither.
    """

    def __init__(self, system: Deployment, model: str) -> None:
        self._url, self._model = system.urls["sampler"], model
        self.heard: Counter[str] = Counter()
        self.misheard: list[str] = []

    def prepare(self) -> None:
        """Hear it once, before the storm; what is kept of it is what later requests for the sample get."""
        answer = self._draw()
        answer.raise_for_status()
        self._music, self._sample = answer.content, answer.headers["Pianola-Sample"]

    def listen(self, stop: threading.Event) -> None:
        """Until `stop`, ask for new samples of the seed and for the first one in turn."""
        while not stop.wait(EVERY_SECONDS):
            for ask in (self._draw, self._again):
                try:
                    answer = ask()
                except httpx.TransportError:
                    self.heard["cut off"] += 1
                else:
                    self._judge(answer)

    def _judge(self, answer: httpx.Response) -> None:
        if answer.is_success:
            self.heard["right"] += 1
            if answer.content != self._music:
                self.misheard.append(f"lost: {answer.request.method} {answer.url} played something else")
        elif answer.status_code in PASSING and answer.headers["Content-Type"] == "application/problem+json":
            self.heard["refused"] += 1
        else:
            said = f"{answer.status_code} {answer.headers.get('Content-Type')} {answer.text[:200]}"
            self.misheard.append(f"lost: {answer.request.method} {answer.url} was answered {said}")

    def _draw(self) -> httpx.Response:
        url = f"{self._url}/v1/models/{self._model}/samples"
        return httpx.post(url, json=REQUEST, headers={"Accept": "audio/midi"}, timeout=60)

    def _again(self) -> httpx.Response:
        return httpx.get(f"{self._url}/v1/samples/{self._sample}", headers={"Accept": "audio/midi"}, timeout=60)
