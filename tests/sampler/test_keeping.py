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


def test_what_waits_is_kept_in_one_transaction(records: Records) -> None:
    keeper, commits = Keeper(records), []
    event.listen(records.engine, "commit", commits.append)
    kept = [keeper.keep(replace(RECIPE, seed=seed % 30), CHECKPOINT) for seed in range(40)]
    keeper.commit()
    assert [future.result(20).seed for future in kept] == [seed % 30 for seed in range(40)]
    assert len(commits) == 1
    with records.read() as session:
        assert session.scalar(select(func.count()).select_from(Sample)) == 30


def test_after_a_fault_it_goes_on(records: Records) -> None:
    keeper = Keeper(records)
    with records.write() as session:
        session.execute(text("ALTER TABLE samples RENAME TO elsewhere"))
    with pytest.raises(DBAPIError):
        _kept(keeper)
    with records.write() as session:
        session.execute(text("ALTER TABLE elsewhere RENAME TO samples"))
    assert _kept(keeper).id == RECIPE.id


def _kept(keeper: Keeper) -> Sample:
    kept = keeper.keep(RECIPE, CHECKPOINT)
    keeper.commit()
    return kept.result(20)
