"""Rows of samples: many requests' in one transaction, and a fault is told to those whose rows it cost."""

from dataclasses import replace

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import DBAPIError

from pianola.records import Records
from pianola.records.samples import Recipe
from pianola.records.tables import Checkpoint, Sample
from pianola_sampler.keeping import Keeper

RECIPE = Recipe("waltz", "c" * 64, 1, None, 1, {"tempo": 96})
CHECKPOINT = Checkpoint(id="ckpt_1", digest="waltz", generator_digest="c" * 64)
"""Asked for by its digest, which always means it."""


def test_what_waits_for_the_one_writer_is_kept_together(sqlite_url: str) -> None:
    records = Records(sqlite_url)
    keeper, commits = Keeper(records), []
    with records.write():
        kept = [keeper.keep(replace(RECIPE, seed=seed % 30), CHECKPOINT) for seed in range(40)]
        event.listen(records.engine, "commit", commits.append)
    assert [future.result(20).seed for future in kept] == [seed % 30 for seed in range(40)]
    # The writer's own, that of the first request, which came alone, and that of all others.
    assert len(commits) <= 3
    with records.read() as session:
        assert session.scalar(select(func.count()).select_from(Sample)) == 30


def test_after_a_fault_it_goes_on(records: Records) -> None:
    keeper = Keeper(records)
    with records.write() as session:
        session.execute(text("ALTER TABLE samples RENAME TO elsewhere"))
    with pytest.raises(DBAPIError):
        keeper.keep(RECIPE, CHECKPOINT).result(20)
    with records.write() as session:
        session.execute(text("ALTER TABLE elsewhere RENAME TO samples"))
    assert keeper.keep(RECIPE, CHECKPOINT).result(20).id == RECIPE.id
