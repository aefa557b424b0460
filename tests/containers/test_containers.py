"""docker-compose.yml, really started: what its images are, and the journey through the gateway."""

import json
import time
from pathlib import Path
from typing import Any

import httpx
from corpus import data_folder
from system.journey import problem, travel

from .conftest import Measured, commit
from .stack import BUILT, IMAGE, Stack

MB = 10**6
OVER_BASE = {"api": 250 * MB, "preprocess": 250 * MB}
ALTOGETHER = {"trainer": 1500 * MB, "sampler": 1500 * MB}


def inspected(stack: Stack, image: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stack.docker("image", "inspect", image))[0]
    return found


def test_images_are_small_labelled_and_run_as_nobody_in_particular(stack: Stack, measured: Measured) -> None:
    base = inspected(stack, "python:3.11-slim")["Size"]
    for name in BUILT:
        image = inspected(stack, IMAGE.format(name))
        size, config = image["Size"], image["Config"]
        measured(f"image {name}: {size / MB:.0f} MB, {(size - base) / MB:.0f} over its base")
        assert config["User"] == "10001:10001"
        assert config["Healthcheck"]["Test"]
        assert config["Labels"]["org.opencontainers.image.revision"] == commit("HEAD")
        assert config["Labels"]["org.opencontainers.image.version"]
        assert size - base < OVER_BASE.get(name, size)
        if name in ALTOGETHER:
            python = ["exec", "-T", name, "python", "-c"]
            cuda = stack.compose(*python, "import torch; print(torch.version.cuda)").strip()
            measured(f"torch of {name} is built for CUDA {cuda}" if cuda != "None" else f"torch of {name}: CPU")
            assert cuda != "None" or size < ALTOGETHER[name]


def test_the_journey_through_the_gateway(stack: Stack, measured: Measured, tmp_path: Path) -> None:
    words = tmp_path / "words.mid"
    words.write_bytes(b"These are words, not music.")
    start = time.monotonic()
    travel(stack.url, stack.url, data_folder("small"), [words], stack.headers)
    measured(f"the journey (two trainings, two evaluations of 1,000 samples): {time.monotonic() - start:.0f} s")
    assert problem(httpx.get(f"{stack.url}/v1/runs"), 401)["code"] == "unauthorised"
