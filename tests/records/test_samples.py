"""Samples as records: one for each recipe, whoever keeps it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from pianola.queue import create_celery
from pianola.records import Records, samples
from pianola.records.errors import NotFound
from pianola.records.reaper import reap_once
from pianola.records.samples import Recipe
from pianola.records.tables import Sample
from pianola.settings import Settings

RECIPE = Recipe("waltz", "c" * 64, 2**53 - 1, None, 3, {"threshold": None, "tempo": 96.5, "program": 0})


def test_a_sample_is_kept_with_all_it_takes_to_make_it_again(records: Records) -> None:
    given = replace(RECIPE, seed=None, z=[[0.1, -1e-30, 3.0], [1 / 3, 0.0, -0.0]], n=2)
    for recipe in (RECIPE, given):
        with records.write() as session:
            kept = samples.keep(session, recipe)
        with records.read() as session:
            found = samples.get(session, kept.id)
            assert found.created_at == kept.created_at
            assert samples.recipe_of(found) == recipe
            assert found.id == recipe.id == samples.recipe_of(found).id


def test_the_same_recipe_is_the_same_sample_whoever_keeps_it(records: Records) -> None:
    def keep(_: int) -> tuple[str, object]:
        with records.write() as session:
            kept = samples.keep(session, RECIPE)
            return kept.id, kept.created_at

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(keep, range(16)))) == 1


def test_another_recipe_is_another_sample() -> None:
    assert RECIPE.id == "sample_yan6wnnhixtgaa2e2uqiu5iejhpffxre", "an id is for ever"
    others = [
        replace(RECIPE, model="polka"),
        replace(RECIPE, checkpoint="d" * 64),
        replace(RECIPE, seed=0),
        replace(RECIPE, seed=None, z=[[0.0]]),
        replace(RECIPE, seed=None, z=[[0.0, 0.0]]),
        replace(RECIPE, n=4),
        replace(RECIPE, options=RECIPE.options | {"tempo": 97}),
        replace(RECIPE, options=RECIPE.options | {"threshold": 0.5}),
    ]
    assert len({recipe.id for recipe in [RECIPE, *others]}) == 1 + len(others)
    later = replace(RECIPE, options=RECIPE.options | {"an option of a later version": None})
    assert later.id == RECIPE.id


def test_a_sample_that_is_forgotten_can_be_kept_anew(records: Records) -> None:
    with records.write() as session:
        samples.keep(session, RECIPE)
        samples.delete(session, RECIPE.id)
        with pytest.raises(NotFound):
            samples.get(session, RECIPE.id)
        with pytest.raises(NotFound):
            samples.delete(session, RECIPE.id)
        assert samples.keep(session, RECIPE).id == RECIPE.id


def test_old_samples_are_forgotten_where_that_is_asked_for(records: Records, tmp_path: Path) -> None:
    celery = create_celery(Settings(database_url="sqlite://", broker_url="redis://127.0.0.1:1/0", objects_dir=tmp_path))
    with records.write() as session:
        for days in (0, 6, 8, 300):
            kept = samples.keep(session, replace(RECIPE, seed=days))
            samples.get(session, kept.id).created_at -= timedelta(days=days)

    def left() -> set[int]:
        with records.read() as session:
            return {int(seed) for seed in session.scalars(select(Sample.seed))}

    reap_once(records, celery, 30)
    assert left() == {0, 6, 8, 300}, "for ever, where nothing else is said"
    reap_once(records, celery, 30, samples_days=7)
    assert left() == {0, 6}
