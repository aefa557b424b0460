"""docker-compose.yml, really started: its images, the journey, scaling, backup, kills and an upgrade. In this order."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import servers
from corpus import data_folder, midi_files
from system.journey import build, follow, get, pages, post, problem, travel

from .conftest import Measured, checkout, commit
from .stack import BUILT, IMAGE, ROOT, Stack, deployed

MB = 10**6
OVER_BASE = {"api": 250 * MB, "preprocess": 250 * MB}
EVERYTHING = ("preprocess", "trainer", "gateway", "api", "sampler", "redis", "minio", "postgres")
ALTOGETHER = {"trainer": 1500 * MB, "sampler": 1500 * MB}
EVERYTHING = ("gateway", "api", "sampler", "preprocess", "trainer", "redis", "minio", "postgres")


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


def test_a_change_in_our_code_makes_one_layer_anew(stack: Stack, measured: Measured, tmp_path: Path) -> None:
    source = checkout("HEAD", tmp_path)
    builder = Stack(stack.engine, stack.project, source, stack.folder, stack.port)
    before = inspected(stack, IMAGE.format("api"))["RootFS"]["Layers"]
    changed = source / "services/api/pianola_api/__init__.py"
    changed.write_text(changed.read_text() + "\nCHANGED = True\n")
    start = time.monotonic()
    (stack.folder / "images.yml").rename(stack.folder / "kept.yml")
    try:
        other = {"services": {"api": {"image": IMAGE.format("changed")}}}
        (stack.folder / "images.yml").write_text(json.dumps(other))
        builder.compose("build", "api")
        after = inspected(stack, IMAGE.format("changed"))["RootFS"]["Layers"]
        stack.docker("rmi", "--no-prune", IMAGE.format("changed"))
    finally:
        (stack.folder / "kept.yml").rename(stack.folder / "images.yml")
    measured(f"build of the api after a change in one line: {time.monotonic() - start:.0f} s")
    assert len(before) == len(after)
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1


def test_the_journey_through_the_gateway(stack: Stack, measured: Measured, tmp_path: Path) -> None:
    words = tmp_path / "words.mid"
    words.write_bytes(b"These are words, not music.")
    start = time.monotonic()
    travel(stack.url, stack.url, data_folder("small"), [words], stack.headers)
    measured(f"the journey (two trainings, two evaluations of 1,000 samples): {time.monotonic() - start:.0f} s")
    assert problem(httpx.get(f"{stack.url}/v1/runs"), 401)["code"] == "unauthorised"


def upload(api: httpx.Client, name: str, files: list[Path]) -> None:
    post(api, "/v1/datasets", json={"name": name})
    post(api, f"/v1/datasets/{name}/files", files=[("files", (file.name, file.read_bytes())) for file in files])


def submit(api: httpx.Client, model: str, seed: int = 5, **options: object) -> str:
    given = {"batch": 16, "threads": 1, "precision": "float32", **options}
    body = {"dataset": "journey", "family": "vae", "preset": "default", "options": given, "seed": seed, "model": model}
    return str(post(api, "/v1/runs", json=body)["id"])


def ended(api: httpx.Client, run: str, seconds: float) -> dict[str, Any]:
    servers.wait_for(lambda: get(api, f"/v1/runs/{run}")["finished_at"], seconds, f"the end of {run}")
    found: dict[str, Any] = get(api, f"/v1/runs/{run}")
    assert found["state"] == "succeeded", found
    return found


def test_work_is_spread_over_replicas(stack: Stack, measured: Measured) -> None:
    seconds = stack.up(preprocess=4, trainer=2, sampler=2)
    measured(f"`up --wait` with preprocess=4, trainer=2, sampler=2: {seconds:.0f} s")
    before = {**counted(stack, "preprocess", chunks_of), **counted(stack, "sampler", windows_of)}
    with stack.client() as api:
        runs = [submit(api, f"of-two-{number}", seed=number, epochs=1) for number in range(2)]
        names = [f"spread-{number}" for number in range(16)]
        for name in names:
            upload(api, name, midi_files("small"))
        with ThreadPoolExecutor(4) as several:
            list(several.map(lambda name: build(api, name), names))
        for run in runs:
            ended(api, run, 240)
        workers = {attempt["worker"] for run in runs for attempt in pages(api, f"/v1/runs/{run}/attempts")}
        asked = {"json": {"n": 1}, "headers": {"Accept": "audio/midi"}}
        for _ in range(24):
            assert api.post("/v1/models/of-two-0/samples", **asked).is_success  # type: ignore[arg-type]
    built = {each: count - before[each] for each, count in counted(stack, "preprocess", chunks_of).items()}
    drawn = {each: count - before[each] for each, count in counted(stack, "sampler", windows_of).items()}
    measured(f"chunks built by four preprocess workers: {sorted(built.values())}")
    measured(f"runs trained by {len(workers)} trainers; windows of two samplers: {sorted(drawn.values())}")
    assert len(built) == 4
    assert min(built.values()) > 0, built
    assert len(workers) == 2, workers
    assert len(drawn) == 2
    assert min(drawn.values()) > 0, drawn


def counted(stack: Stack, service: str, count: Callable[[Stack, str], int]) -> dict[str, int]:
    """What each container of a service has done since it was started."""
    return {each: count(stack, each) for each in stack.containers(service)}


def chunks_of(stack: Stack, worker: str) -> int:
    """How many chunks one preprocess worker has built, as it logs them; two lines may stand on one."""
    return stack.logged(worker).count('"event": "chunk_built"')


def windows_of(stack: Stack, sampler: str) -> int:
    """How many windows one sampler has answered, as it tells Prometheus."""
    script = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8471/metrics').read().decode())"
    text = stack.docker("exec", sampler, "python", "-c", script)
    (line,) = [line for line in text.splitlines() if line.startswith("pianola_sampler_windows_total ")]
    return int(float(line.split()[1]))


def test_a_backup_is_a_fresh_stack_elsewhere(stack: Stack, measured: Measured, tmp_path: Path) -> None:
    start = time.monotonic()
    inside, here = "/var/lib/pianola/backup.tar", tmp_path / "backup.tar"
    operations = ("exec", "-T", "api", "python", "-m", "pianola.operations")
    stack.compose(*operations, "doctor")
    stack.compose(*operations, "gc", "--dry-run")
    stack.compose(*operations, "backup", inside)
    stack.compose("cp", f"api:{inside}", str(here))
    stack.compose("exec", "-T", "api", "rm", inside)
    measured(f"backup: {time.monotonic() - start:.0f} s, {here.stat().st_size / MB:.0f} MB")
    with stack.client() as api:
        before, music = names(api), sampled(api)
    here.chmod(0o644)
    folder = tmp_path / "other"
    folder.mkdir()
    with deployed(stack.engine, "pianola-test-restored", ROOT, folder) as other:
        start = time.monotonic()
        other.compose("up", "-d", "--wait", "postgres", "redis", "minio")
        mounted = ["-v", f"{here}:/backup.tar:ro"]
        command = ["python", "-m", "pianola.operations", "restore", "/backup.tar"]
        other.compose("run", "--rm", "-T", "--no-deps", *mounted, "api", *command)
        other.keys.update(stack.keys)  # keys are rows as well
        other.up()
        measured(f"restore into a fresh stack, up and healthy: {time.monotonic() - start:.0f} s")
        with other.client() as api:
            assert names(api) == before
            assert sampled(api) == music


def names(api: httpx.Client) -> Mapping[str, set[str]]:
    return {kind: {each[key] for each in pages(api, f"/v1/{kind}")}
            for kind, key in (("datasets", "digest"), ("runs", "id"), ("models", "checkpoint"))}  # fmt: skip


def sampled(api: httpx.Client, model: str = "vae-of-journey") -> bytes:
    asked = {"seed": 3, "n": 1}
    return (
        api.post(f"/v1/models/{model}/samples", json=asked, headers={"Accept": "audio/midi"}).raise_for_status().content
    )


def test_every_container_is_killed_once_and_nothing_is_lost(stack: Stack, measured: Measured) -> None:
    """While a dataset is built and a model trained; each is killed when there is work for it."""
    stack.up()  # one of each again: nobody else can do the work of the killed
    files = midi_files("medium")
    with stack.client() as api:
        upload(api, "undisturbed", files)
        wanted = build(api, "undisturbed")["digest"]
        upload(api, "disturbed", files)
        run = submit(api, "survivor", evaluate_every_steps=4, epochs=1)
        where = f"/v1/runs/{run}/checkpoints"
        servers.wait_for(lambda: get(api, where)["items"], 300, "the first checkpoint")
        kept = {checkpoint["digest"] for checkpoint in pages(api, where)}
        before = sampled(api)
        post(api, "/v1/datasets/disturbed/build")
    start = time.monotonic()
    for service in EVERYTHING:
        stack.kill(service)
        stack.wait_until_ready()
    with stack.client() as api:
        servers.wait_for(lambda: settled(api, "disturbed"), 240, "the build")
        assert get(api, "/v1/datasets/disturbed")["digest"] == wanted
        ended(api, run, 300)
        measured(f"eight kills, and everything at its end: {time.monotonic() - start:.0f} s")
        attempts = list(pages(api, f"/v1/runs/{run}/attempts"))
        assert len(attempts) > 1, "the trainer was killed in its first attempt"
        steps = [checkpoint["step"] for checkpoint in pages(api, where)]
        assert len(set(steps)) == len(steps), "what was kept is not learnt again"
        assert "succeeded" in [kind for kind, _ in follow(api, run)]  # which sees that no event is missing
        left = {checkpoint["digest"] for checkpoint in pages(api, where)}
        assert kept < left
        for digest in left:
            data = api.get(f"{where}/{digest}").raise_for_status().content
            assert hashlib.sha256(data).hexdigest() == digest
        assert sampled(api) == before


def settled(api: httpx.Client, name: str) -> bool:
    return get(api, f"/v1/datasets/{name}")["state"] not in ("open", "building")


def test_an_upgrade_keeps_the_data(stack: Stack, measured: Measured, tmp_path: Path) -> None:
    """From the images of the previous commit, or of PIANOLA_UPGRADE_FROM, to those of the checkout."""
    stack.compose("stop")
    source, folder = tmp_path / "older", tmp_path / "upgraded"
    source.mkdir()
    folder.mkdir()
    checkout(os.environ.get("PIANOLA_UPGRADE_FROM", "HEAD~"), source)
    with deployed(stack.engine, "pianola-test-upgraded", source, folder) as older:
        older.build()
        older.up()
        with older.client() as api:
            upload(api, "journey", midi_files("small"))
            digest = build(api, "journey")["digest"]
            run = submit(api, "vae-of-journey", epochs=1)
            before = ended(api, run, 240)
        newer = Stack(older.engine, older.project, ROOT, folder, older.port, older.keys)
        newer.build()
        measured(f"upgrade to the checkout's images: {newer.up():.0f} s until healthy")
        with newer.client() as api:
            assert get(api, "/v1/datasets/journey")["digest"] == digest
            assert get(api, f"/v1/runs/{run}")["step"] == before["step"]
            assert sampled(api).startswith(b"MThd")
            upload(api, "after", midi_files("small"))
            build(api, "after")
