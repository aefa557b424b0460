"""Rows that the records' tests begin with."""

import hashlib
import itertools
import time
from collections.abc import Container, Iterable
from typing import Any, Final

from pianola.dataset.options import dataset_options
from pianola.records import Records, builds, datasets, leases, runs
from pianola.records.datasets import NewFile
from pianola.records.tables import Run
from pianola.records.verdicts import FileVerdict

_numbers = itertools.count()


OPTIONS: Final = dataset_options("piano", {}).to_json()


def new_file(name: str, content: str | None = None, size: int = 100) -> NewFile:
    """A file whose sha256 is that of `content`, which is its name unless given."""
    return NewFile(name, hashlib.sha256((content or name).encode()).hexdigest(), size)


def new_dataset(records: Records, files: Iterable[NewFile], name: str | None = None, **options: object) -> str:
    """An open dataset of these files; returns its id."""
    with records.write() as session:
        name = name or f"dataset {next(_numbers)}"
        dataset = datasets.create(session, name, "piano", dataset_options("piano", options).to_json())
        datasets.add_files(session, dataset.id, files)
        return dataset.id


def planned(records: Records, dataset_id: str) -> list[int]:
    """Begin the dataset's build; the numbers of its chunks."""
    with records.write() as session:
        builds.start_build(session, dataset_id)
    with records.write() as session:
        return builds.plan(session, dataset_id)


def accepted(position: int, windows: int = 2) -> FileVerdict:
    return FileVerdict(position, True, windows, 10, {"percussion": 1}, ["w"], None, None, None, "5" * 64, 7 * position)


def refused(position: int, code: str = "no_header") -> FileVerdict:
    return FileVerdict(position, False, 0, 0, {}, [], code, 0, "not a MIDI file")


def finish(records: Records, dataset_id: str, number: int = 0, refuse: Container[str] = ()) -> bool:
    """Build a chunk: every file is accepted but those named."""
    with records.write() as session:
        work = builds.begin_chunk(session, dataset_id, number)
        assert work is not None
        places = [refused(file.position) if file.name in refuse else accepted(file.position) for file in work.files]
        result = builds.ChunkResult(work.build, places, [{"chunk": number}])
        return builds.finish_chunk(session, dataset_id, number, result)


def commit(records: Records, dataset_id: str, digest: str = "d" * 64, **values: Any) -> None:
    with records.write() as session:
        dataset = builds.begin_commit(session, dataset_id)
        assert dataset is not None
        builds.commit_build(
            session,
            dataset_id,
            builds.Committed(dataset.builds, digest, "manifest", values.pop("windows", 2), **values),
        )


def build(records: Records, dataset_id: str, refuse: Container[str] = (), **values: Any) -> None:
    """Build all of a dataset."""
    for number in planned(records, dataset_id):
        finish(records, dataset_id, number, refuse)
    commit(records, dataset_id, **values)


def built_dataset(records: Records, name: str | None = None) -> str:
    """A built dataset of two files; returns its id."""
    dataset_id = new_dataset(records, [new_file("a.mid"), new_file("b.mid")], name)
    build(records, dataset_id, refuse={"b.mid"})
    return dataset_id


def queued_run(records: Records, model: str | None = None, family: str = "vae", **options: object) -> Run:
    """A queued run of a dataset of its own."""
    dataset_id = built_dataset(records)
    with records.write() as session:
        dataset = datasets.get(session, dataset_id)
        return runs.submit(
            session, dataset, family=family, preset="default", options=options, seed=7, queue="train", model=model
        )


def checkpoint(run: Run, attempt: int, step: int, final: bool = False) -> leases.NewCheckpoint:
    digest = f"{attempt:032x}{step:032x}"
    return leases.NewCheckpoint(
        step, step // 10, f"{run.id}/{digest}", digest, 10, f"{run.id}/g{digest}", f"{digest[:-1]}f", 5, "m", final
    )


def expire(seconds: float = 0.05) -> None:
    """Let a lease of less than `seconds` run out on the database's clock."""
    time.sleep(seconds)
