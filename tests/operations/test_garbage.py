"""Garbage collection: what nobody needs goes, and nothing else, beside uploads, builds and trainers at work."""

import hashlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import servers
from corpus import data_folder
from preprocess.building import Workshop
from sqlalchemy import text
from trainer import making
from trainer.making import System

from pianola.dataset.manifest import read_manifest
from pianola.objects import ObjectStore
from pianola.objects.layout import dataset_key, file_key
from pianola.operations.garbage import Garbage, Site, collect
from pianola.operations.regularly import start_collecting
from pianola.records import Records, datasets, evaluations, leases, models, runs, samples
from pianola.records.leases import NewCheckpoint
from pianola.records.samples import Recipe
from pianola.spool import Spool

NOW = timedelta(seconds=-5)
"""A grace that spares nothing by its age: what stays does so by its rows' states alone."""


def sweep(records: Records, store: ObjectStore, *, dry_run: bool = False, spool: Path | None = None) -> list[Garbage]:
    return list(collect(Site(records, store, spool), NOW, timedelta(0), dry_run))


def commit(
    system: System, run_id: str, attempt: int, step: int, loss: float, *, final: bool = False, **more: float
) -> str:
    """A checkpoint of some bytes, as an attempt commits it; its generating half's digest."""
    folder = f"runs/{run_id}/a{attempt}/s{step}"
    digests = [hashlib.sha256(f"{half} {run_id} {attempt} {step}".encode()).hexdigest() for half in ("all", "half")]
    keys = [f"{folder}/{digest}.safetensors" for digest in digests]
    for key in (*keys, f"{folder}/manifest.json", f"{folder}/grid.png"):
        system.store.put(key, b"1234")
    new = NewCheckpoint(step, 1, keys[0], digests[0], 4, keys[1], digests[1], 4, f"{folder}/manifest.json", final)
    picture = leases.NewArtefact(f"grid-{step}.png", "sample_grid", step, f"{folder}/grid.png", "image/png", 4)
    with system.records.write() as session:
        leases.commit_checkpoint(session, run_id, attempt, new, {"validation_loss": loss, **more}, [picture])
    return digests[1]


def steps(system: System, run_id: str) -> list[int]:
    return [row.step for row in system.checkpoints(run_id)]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pianola.operations.garbage.SETTLE_SECONDS", 0.0)


@pytest.fixture
def system(tmp_path: Path, database_url: str) -> Iterator[System]:
    with making.system(tmp_path, database_url) as made:
        yield made


def test_of_an_ended_run_the_intermediate_checkpoints_go_and_those_that_are_named_stay(system: System) -> None:
    dataset = making.built_dataset(system)
    run_id = making.submit(system, dataset, keep="settled", model="waltz")
    attempt = making.claim(system, run_id)
    losses = {1: 9.0, 2: 5.0, 3: 8.0, 4: 5.2, 5: 7.0, 6: 6.9, 7: 6.8, 8: 6.7, 9: 6.6, 10: 6.5}
    digests = {step: commit(system, run_id, attempt, step, loss, final=step == 10) for step, loss in losses.items()}
    by_step = {row.step: row for row in system.checkpoints(run_id)}
    with system.records.write() as session:
        models.point(session, "polka", by_step[5].id)
        samples.keep(session, Recipe("march", digests[6], 1, None, 1, {}))
    begun = making.submit(system, dataset, source=by_step[7])
    assert sweep(system.records, system.store) == [], "it still runs"
    with system.records.write() as session:
        leases.succeed(session, run_id, attempt, 10, 1)
        assert evaluations.newest(session, run_id).checkpoint_id == by_step[4].id
    would = sweep(system.records, system.store, dry_run=True)
    assert steps(system, run_id) == list(losses)
    assert sweep(system.records, system.store) == would
    # Best, settled (and the model's), a model's, a sample's, a run's that began from it, the last.
    assert steps(system, run_id) == [2, 4, 5, 6, 7, 10]
    folder = f"runs/{run_id}/a{attempt}"
    assert {garbage.name.removeprefix(f"{folder}/").partition("/")[0] for garbage in would} == {"s1", "s3", "s8", "s9"}
    assert sum(garbage.size for garbage in would) == 4 * (4 + 4)
    left = set(system.store.keys(f"{folder}/"))
    for row in system.checkpoints(run_id):
        assert {row.key, row.generator_key, row.manifest_key} <= left
    assert {f"{folder}/s{step}/grid.png" for step in losses} <= left, "pictures stay"
    with system.records.read() as session:
        assert [point.step for point in runs.metrics(session, run_id)] == list(losses), "what was measured stays"
    assert sweep(system.records, system.store) == []
    with system.records.write() as session:
        runs.cancel(session, begun)
        session.execute(text("DELETE FROM samples"))
    assert {"s6"} == {garbage.name.split("/")[3] for garbage in sweep(system.records, system.store)}


def test_a_sample_that_was_being_drawn_gives_its_checkpoint_back(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = making.submit(system, making.built_dataset(system), "gan")
    attempt = making.claim(system, run_id)
    digests = [commit(system, run_id, attempt, step, 1.0, final=step == 3) for step in (1, 2, 3)]
    with system.records.write() as session:
        leases.succeed(session, run_id, attempt, 10, 1)
    before = {row.step: row for row in system.checkpoints(run_id)}

    def meanwhile(_: float) -> None:
        assert steps(system, run_id) == [3]
        with system.records.write() as session:
            samples.keep(session, Recipe("march", digests[0], 1, None, 1, {}))

    monkeypatch.setattr("pianola.operations.garbage.time.sleep", meanwhile)
    assert {garbage.name.split("/")[3] for garbage in sweep(system.records, system.store)} == {"s2"}
    (found, _) = system.checkpoints(run_id)
    assert (found.id, found.step, found.created_at) == (before[1].id, 1, before[1].created_at)
    assert system.store.exists(found.generator_key)


def test_a_run_that_fell_silent_keeps_the_checkpoint_its_error_names(system: System) -> None:
    run_id = making.submit(system, making.built_dataset(system), "gan", collapse_points=3)
    attempt = making.claim(system, run_id)
    for step, density in enumerate((0.02, 0.02, 0.02, 0.02, 0.0, None, 0.0, 0.0), 1):
        # A pause keeps a checkpoint without playing.
        commit(system, run_id, attempt, step, 1.0, **({} if density is None else {"sample_density": density}))
    with system.records.write() as session:
        leases.fail(session, run_id, attempt, "the model fell silent: the checkpoint of step 4 is the last", "")
    sweep(system.records, system.store)
    assert steps(system, run_id) == [4, 5, 7, 8]


def test_what_a_fenced_attempt_wrote_goes_and_what_the_live_one_writes_stays(system: System) -> None:
    run_id = making.submit(system, making.built_dataset(system))
    first = making.claim(system, run_id)
    committed = commit(system, run_id, first, 1, 1.0)
    zombie, live = f"runs/{run_id}/a1/s2/zombie.safetensors", f"runs/{run_id}/a2/s2/live.safetensors"
    system.store.put(zombie, b"late")
    assert sweep(system.records, system.store) == []
    with system.records.write() as session:
        leases.stopped(session, run_id, first, "lost")
        assert leases.claim(session, run_id, "test", 60) is not None
    system.store.put(live, b"not yet committed")
    # Of the next attempt, which a sweep that read the row just before the claim does not know.
    system.store.put(f"runs/{run_id}/a3/s2/early.safetensors", b"early")
    (gone,) = sweep(system.records, system.store)
    assert (gone.name, gone.why) == (zombie, "written by attempt 1, which never committed it")
    assert system.store.exists(live)
    assert system.checkpoints(run_id)[0].generator_digest == committed


def test_objects_of_unknown_kinds_and_young_ones_stay(system: System) -> None:
    for key in ("mine/1", "runs/run_x/notes.txt", "datasets/ds_none/files/" + 64 * "a", "runs/run_x/a1/s1/m.json"):
        system.store.put(key, b"1")
    young = list(collect(Site(system.records, system.store, None), timedelta(hours=1)))
    assert young == []
    gone = {garbage.name: garbage.why for garbage in sweep(system.records, system.store)}
    assert gone == {
        "runs/run_x/a1/s1/m.json": "of a run or an evaluation that is not in the records",
        "datasets/ds_none/files/" + 64 * "a": "uploaded, and in no dataset",
    }


def test_uploads_and_shards_that_no_dataset_has_go(tmp_path: Path, database_url: str) -> None:
    workshop = Workshop(tmp_path, database_url)
    pieces = {path.name: path.read_bytes() for path in sorted(data_folder("small").glob("*.mid"))[:3]}
    built = workshop.upload("built", pieces)
    workshop.build(built)
    failed = workshop.upload("failed", pieces)
    stray = [file_key(built, "f" * 64), dataset_key(failed, f"shards/{'e' * 64}.safetensors")]
    for key in stray:
        workshop.store.put(key, b"left")
    with workshop.records.write() as session:
        session.execute(text("UPDATE datasets SET state = 'building' WHERE id = :id"), {"id": failed})
    assert {garbage.name for garbage in sweep(workshop.records, workshop.store)} == {stray[0]}
    with workshop.records.write() as session:
        session.execute(text("UPDATE datasets SET state = 'failed' WHERE id = :id"), {"id": failed})
    before = set(workshop.store.keys(""))
    assert {garbage.name for garbage in sweep(workshop.records, workshop.store)} >= {stray[1]}
    gone = before - set(workshop.store.keys(""))
    assert stray[1] in gone
    assert all(f"datasets/{failed}/" in key for key in gone)
    manifest = read_manifest(workshop.store.get(str(workshop.dataset(built).manifest_key)))
    for key in (*(shard.key for shard in manifest.shards), *(page.key for page in manifest.report)):
        assert workshop.store.exists(dataset_key(built, key))
    for dataset_id in (built, failed):
        with workshop.records.read() as session:
            for file in datasets.files_page(session, dataset_id, 10, None).rows:
                assert workshop.store.exists(file_key(dataset_id, file.sha256))


def test_the_spool_of_a_killed_worker_goes_and_that_of_a_live_one_stays(system: System, tmp_path: Path) -> None:
    root = tmp_path / "spool" / "trainer"
    spool = Spool(root)
    with spool.open(), spool.workspace("run-a1") as workspace:
        (workspace / "checkpoint").write_bytes(b"12345")
        killed = root / "worker-killed"
        killed.mkdir()
        (killed / "lock").touch()
        (killed / "half").write_bytes(b"123")
        found = [Garbage(str(killed), 3, "left by a worker that was killed")]
        for dry_run in (True, False):
            assert sweep(system.records, system.store, dry_run=dry_run, spool=tmp_path / "spool") == found
        assert not killed.exists()
        assert (workspace / "checkpoint").exists()


def test_a_trainer_at_work_loses_nothing(tmp_path: Path) -> None:
    """Swept without any grace, again and again, while it trains, is killed and goes on: the same weights in the end."""
    with servers.valkey() as broker, making.system(tmp_path, PIANOLA_QUEUES="train") as system:
        system.broker_url = broker
        dataset = making.built_dataset(system)
        over = threading.Event()
        swept: list[Garbage] = []

        def sweeps() -> None:
            while not over.is_set():
                swept.extend(sweep(system.records, system.store, spool=system.spool))
                time.sleep(0.1)

        thread = threading.Thread(target=sweeps)
        thread.start()
        try:
            run_id = making.submit(system, dataset, "gan", evaluate_every_steps=9)
            with system.records.write() as session:
                session.execute(text("UPDATE runs SET sent_at = '2020-01-01 00:00:00.000000'"))
            with making.worker(system) as worker:
                servers.wait_for(lambda: system.checkpoints(run_id), 120, "a checkpoint")
                (child,) = making.children_of(worker.pid)
                os.kill(child, signal.SIGKILL)
                system.wait_for_state(run_id, "succeeded")
        finally:
            over.set()
            thread.join()
        final = system.checkpoints(run_id)[-1]
        assert final.final
        making.assert_same_weights(making.tensors(system, final), making.undisturbed("gan").weights)
        sweep(system.records, system.store)
        for row in system.checkpoints(run_id):
            for key in (row.key, row.generator_key, row.manifest_key):
                assert system.store.exists(key), key
        assert steps(system, run_id) == [making.STEPS], "all but the last went"


def test_an_api_that_is_told_to_collects_by_itself(system: System) -> None:
    system.store.put("datasets/ds_none/files/" + 64 * "b", b"1")
    old = time.time() - 2 * 24 * 3600
    for path in (system.folder / "objects" / "datasets").rglob("b*"):
        os.utime(path, (old, old))
    stop = threading.Event()
    thread = start_collecting(Site(system.records, system.store, None), 0.1 / 3600, stop)
    servers.wait_for(lambda: not list(system.store.keys("datasets/")), 20, "a collection")
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
