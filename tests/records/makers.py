"""Rows that the records' tests begin with."""

import itertools
import time

from pianola.records import Records, datasets, leases, runs
from pianola.records.tables import Run

_numbers = itertools.count()


def built_dataset(records: Records, name: str | None = None) -> str:
    """A built dataset of two files; returns its id."""
    with records.write() as session:
        dataset = datasets.create(session, name or f"dataset {next(_numbers)}", "piano", {})
        files = [datasets.NewFile("a.mid", "a" * 64, 100), datasets.NewFile("b.mid", "b" * 64, 100)]
        datasets.add_files(session, dataset.id, files)
    with records.write() as session:
        assert datasets.start_build(session, dataset.id) == [0]
        verdicts = [
            datasets.FileVerdict(0, True, 3, 40, {}, [], None, None, None),
            datasets.FileVerdict(1, False, 0, 0, {}, [], "no_header", 0, "not a MIDI file"),
        ]
        assert datasets.finish_chunk(session, dataset.id, 0, verdicts, [{"key": "k"}])
        datasets.commit_build(session, dataset.id, "d" * 64, "manifest")
    return dataset.id


def queued_run(records: Records, model: str | None = None) -> Run:
    """A queued run of a dataset of its own."""
    dataset_id = built_dataset(records)
    with records.write() as session:
        dataset = datasets.get(session, dataset_id)
        return runs.submit(
            session, dataset, family="vae", preset="default", options={}, seed=7, queue="train", model=model
        )


def checkpoint(run: Run, attempt: int, step: int, final: bool = False) -> leases.NewCheckpoint:
    digest = f"{attempt:032x}{step:032x}"
    return leases.NewCheckpoint(
        step, step // 10, f"{run.id}/{digest}", digest, 10, f"{run.id}/g{digest}", f"{digest[:-1]}f", 5, "m", final
    )


def expire(seconds: float = 0.05) -> None:
    """Let a lease of less than `seconds` run out on the database's clock."""
    time.sleep(seconds)
