"""docker-compose.yml, really started: its images, the journey, scaling, backup, kills and an upgrade. In this order."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import servers
from corpus import data_folder, midi_files
from system.journey import build, follow, get, pages, post, problem, travel

from .conftest import Measured, checkout, commit
from .stack import BUILT, IMAGE, ROOT, Stack, deployed
from .watching import Prometheus

MB = 10**6
OVER_BASE = {"api": 250 * MB, "preprocess": 250 * MB}
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
    builder = replace(stack, source=source)
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
    measured(f"memory of each container at rest, MB: {stack.memory()}")
    start = time.monotonic()
    travel(stack.url, stack.url, data_folder("small"), [words], stack.headers)
    measured(f"the journey (two trainings, two evaluations of 1,000 samples): {time.monotonic() - start:.0f} s")
    measured(f"memory of each container after the journey, MB: {stack.memory()}")
    assert problem(httpx.get(f"{stack.url}/v1/runs"), 401)["code"] == "unauthorised"


def test_the_object_server_keeps_the_contract_of_stores(stack: Stack, measured: Measured) -> None:
    """tests/objects, on the server that compose started; on the others `make test` runs it."""
    keys = f"{stack.secrets['S3_ACCESS_KEY']} {stack.secrets['S3_SECRET_KEY']}"
    # What was asked of the run around this one (a folder of its own, more words) would break it.
    given = {"PIANOLA_TEST_S3": f"http://127.0.0.1:{stack.ports.s3} {keys}", "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/objects", "-k", "compose"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **given}, capture_output=True, text=True, check=False)
    last = done.stdout.strip().splitlines()[-1]
    assert done.returncode == 0, done.stdout[-6000:]
    assert "skipped" not in last, done.stdout[-2000:]
    measured(f"the store's contract on the object server of compose: {last}")


def test_prometheus_sees_every_replica_and_the_alerts_work(stack: Stack, measured: Measured) -> None:
    """The profile `observability`, or Prometheus alone where Grafana's image cannot be had."""
    files = json.loads(stack.compose("--profile", "*", "config", "--format", "json"))["services"]
    had = {name: has_image(stack, files[name]["image"]) for name in ("prometheus", "grafana")}
    measured(f"images of the profile observability that can be had: {had}")
    if not had["prometheus"]:
        pytest.skip(f"the image {files['prometheus']['image']} is not here and cannot be pulled")
    if had["grafana"]:
        stack.as_written("docker compose --profile observability up -d --wait")
        found = httpx.get(f"http://127.0.0.1:{stack.ports.grafana}/api/dashboards/uid/pianola").raise_for_status()
        assert found.json()["dashboard"]["title"] == "Pianola"
    else:
        stack.as_written("docker compose --profile observability up -d --wait prometheus")
    seen = ["-v", f"{ROOT}/deploy:/x/deploy:ro", "-v", f"{ROOT}/tests/deploy:/x/tests/deploy:ro", "--network", "none"]
    promtool = ["run", "--rm", *seen, "--entrypoint", "promtool", files["prometheus"]["image"]]
    stack.docker(*promtool, "check", "config", "/x/deploy/observability/prometheus.yml")
    stack.docker(*promtool, "test", "rules", "/x/tests/deploy/alerts.test.yml")
    prometheus = Prometheus(stack.ports.prometheus)
    everyone = [("pianola-api", "up"), ("pianola-sampler", "up")]
    servers.wait_for(lambda: prometheus.targets() == everyone, 60, "every replica is scraped")
    with stack.client() as api:
        sampled(api)
    panels = json.loads((ROOT / "deploy/observability/grafana/dashboards/pianola.json").read_text())["panels"]
    for expression in [target["expr"] for panel in panels for target in panel["targets"]]:
        if "5.." not in expression:  # which nobody has been answered yet
            servers.wait_for(partial(prometheus.drawn, expression), 90, f"something to draw of {expression}")
    assert prometheus.broken() == []
    assert prometheus.firing() == set()
    stack.compose("stop", "sampler")
    start = time.monotonic()
    gone = {"PianolaNoService", "PianolaServiceAway"}  # as the network's DNS answers for a name without a container
    servers.wait_for(lambda: gone & prometheus.firing(), 240, "the alert of a sampler that is gone")
    measured(f"a sampler that is gone is {prometheus.firing()} after {time.monotonic() - start:.0f} s")
    assert "sampler" not in stack.as_written("docker compose ps")
    stack.as_written("docker compose up -d --wait")
    servers.wait_for(lambda: not prometheus.firing(), 120, "the end of the alert")
    stack.compose("--profile", "*", "rm", "-sf", *(name for name, here in had.items() if here))


def has_image(stack: Stack, image: str) -> bool:
    """Whether the engine has the image or can get it."""
    try:
        return bool(inspected(stack, image))
    except AssertionError:
        try:
            stack.docker("pull", image, timeout=600)
        except AssertionError:
            return False
        return True


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
    start = time.monotonic()
    stack.as_written("docker compose up -d --wait --scale preprocess=4 --scale trainer=2 --scale sampler=2")
    measured(f"`up --wait` with preprocess=4, trainer=2, sampler=2: {time.monotonic() - start:.0f} s")
    before = {**counted(stack, "preprocess", chunks_of), **counted(stack, "sampler", windows_of)}
    with stack.client() as api:
        runs = [submit(api, f"of-two-{number}", seed=number, epochs=1) for number in range(2)]
        names = [f"spread-{number}" for number in range(16)]
        for name in names:
            upload(api, name, midi_files("small"))
        with ThreadPoolExecutor(4) as several:
            list(several.map(lambda name: build(api, name), names))
        measured(f"memory of each container while two runs are trained, MB: {stack.memory()}")
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
    stack.as_written("docker compose exec api python -m pianola.operations doctor")
    stack.as_written("docker compose exec -T api python -m pianola.operations gc --dry-run")
    stack.as_written("docker compose exec -T api python -m pianola.operations gc")
    stack.as_written("docker compose exec api python -m pianola.operations backup /var/lib/pianola/backup.tar")
    stack.as_written("docker compose cp api:/var/lib/pianola/backup.tar .")
    stack.as_written("docker compose exec api rm /var/lib/pianola/backup.tar")
    stack.as_written("chmod 644 backup.tar")
    here = stack.folder / "backup.tar"
    measured(f"backup: {time.monotonic() - start:.0f} s, {here.stat().st_size / MB:.0f} MB")
    with stack.client() as api:
        before, music = names(api), sampled(api)
    folder = tmp_path / "other"
    folder.mkdir()
    here.rename(folder / "backup.tar")
    with deployed(stack.engine, "pianola-test-restored", ROOT, folder) as other:
        start = time.monotonic()
        other.as_written("docker compose up -d --wait postgres redis minio")
        other.as_written(
            'docker compose run --rm --no-deps -v "$PWD/backup.tar:/backup.tar:ro" '
            "api python -m pianola.operations restore /backup.tar"
        )
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
    for _ in range(3):
        answer = api.post(f"/v1/models/{model}/samples", json=asked, headers={"Accept": "audio/midi"})
        if answer.status_code != 504:  # its deadline: on a machine that others want, too, the first may take longer
            break
    return answer.raise_for_status().content


def test_every_container_is_killed_once_and_nothing_is_lost(stack: Stack, measured: Measured) -> None:
    """While a dataset is built and a model trained. Each comes back by itself, as its restart policy says."""
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
        stack.strike(service)
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
    """From before the newest migration (or PIANOLA_UPGRADE_FROM) by the previous commit to the checkout."""
    stack.as_written("docker compose logs --since 10m api sampler")
    stack.as_written("docker compose restart trainer")
    stack.as_written("docker compose stop")
    folder = tmp_path / "upgraded"
    folder.mkdir()
    first = os.environ.get("PIANOLA_UPGRADE_FROM") or before_newest_migration()
    older = dict.fromkeys((commit(first), commit("HEAD~")))
    sources = [code_of(name, tmp_path / name) for name in older] + [ROOT]
    with deployed(stack.engine, "pianola-test-upgraded", sources[0], folder) as upgraded:
        upgraded.build()
        upgraded.up()
        tables = [revision(upgraded)]
        with upgraded.client() as api:
            upload(api, "journey", midi_files("small"))
            digest = build(api, "journey")["digest"]
            run = submit(api, "vae-of-journey", epochs=1)
            step = ended(api, run, 240)["step"]
        unnamed = upgraded.unnamed_volumes()
        for source in sources[1:]:
            newer = replace(upgraded, source=source)
            newer.build()
            measured(f"upgrade to the next images: {newer.up():.0f} s until healthy")
            tables.append(revision(newer))
            with newer.client() as api:
                assert get(api, "/v1/datasets/journey")["digest"] == digest
                assert get(api, f"/v1/runs/{run}")["step"] == step
                assert sampled(api).startswith(b"MThd")
                upload(api, f"after-{tables[-1]}-{source.name}", midi_files("small"))
                build(api, f"after-{tables[-1]}-{source.name}")
    if unnamed:
        stack.docker("volume", "rm", "--force", *unnamed)
    measured(f"the tables before and after each upgrade: {tables}")
    assert tables[0] != tables[-1], "no migration is between the first images and the checkout's"


def before_newest_migration() -> str:
    """The commit before the one that brought the newest migration."""
    where = "shared/pianola/records/migrations/versions"
    command = ["git", "-C", str(ROOT), "log", "-1", "--diff-filter=A", "--format=%H", "--", where]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() + "~"


def code_of(name: str, folder: Path) -> Path:
    """The files of a commit, to be built as the checkout builds its own: packages by others come from the cache."""
    folder.mkdir()
    source = checkout(name, folder)
    dockerfiles = (f"services/{service}/Dockerfile" for service in BUILT)
    for recipe in ("constraints.txt", "deploy/requirements.py", "deploy/trim.sh", *dockerfiles):
        shutil.copy(ROOT / recipe, source / recipe)
    return source


def revision(stack: Stack) -> str:
    """Which migration the tables are at."""
    return stack.as_written("docker compose exec postgres psql -U pianola -tAc 'select * from alembic_version'").strip()
