"""Which checkpoint of a run is best and which plays, on both databases."""

from collections.abc import Mapping

import pytest

from pianola.records import Records, evaluations, events, leases, models, runs
from pianola.records.best import best, playing
from pianola.records.errors import NotFound
from pianola.records.tables import Json, Run

from .makers import checkpoint, expire, queued_run

LOSSES: Mapping[int, Json] = {
    10: {"validation_loss": 300.5, "train_loss": 1.0},
    20: {"validation_loss": 167},
    25: {"train_loss": 0.5},
    30: {"validation_loss": 167.0},
    40: {"validation_loss": 236.25},
}
"""By step: two are equal, one was not measured."""


def commit(records: Records, run: Run, attempt: int, values: Mapping[int, Json], final: int | None = None) -> None:
    for step, measured in values.items():
        with records.write() as session:
            new = checkpoint(run, attempt, step, final=step == final)
            leases.commit_checkpoint(session, run.id, attempt, new, measured, [])


def claim(records: Records, run: Run, seconds: float = 60) -> None:
    with records.write() as session:
        assert leases.claim(session, run.id, "w", seconds) is not None


@pytest.mark.parametrize(
    ("family", "options", "step"),
    [
        ("vae", {"keep": "best"}, 20),
        ("vae", {"keep": "settled"}, 30),
        ("vae", {"keep": "last"}, 40),
        ("vae", {}, 40),  # a run of a version that knew no best
        ("gan", {"keep": "best"}, 40),  # a family that has none
    ],
)
def test_model_evaluation_and_event_get_the_checkpoint_that_plays(
    records: Records, family: str, options: dict[str, object], step: int
) -> None:
    run = queued_run(records, "clementi", family, **options)
    claim(records, run)
    commit(records, run, 1, LOSSES, final=40)
    with records.write() as session:
        evaluation = leases.succeed(session, run.id, 1, 1000, 7)
        wanted = next(row for row in runs.checkpoints(session, run.id) if row.step == step)
    with records.write() as session:
        assert models.get(session, "clementi").checkpoint.id == wanted.id
        assert evaluations.newest(session, run.id).checkpoint_id == wanted.id
        last = list(events.after(session, run.id, 0, 100))[-1]
        assert (last.kind, last.data) == ("succeeded", {"step": step, "checkpoint": wanted.generator_digest})
        assert evaluations.claim(session, evaluation.id, 60) is not None
        evaluations.succeed(session, evaluation.id, 1, {}, [])
        assert evaluations.request(session, run.id, 10, 1).checkpoint_id == wanted.id


@pytest.mark.parametrize(("values", "step"), [((-2.5, -2.3, -2.0), 20), ((10, 12, 11, 11.01), 30), ((5, 4, 3), 30)])
def test_what_is_settled_is_within_a_tenth_of_the_best(records: Records, values: tuple[float, ...], step: int) -> None:
    run = queued_run(records, keep="settled")
    claim(records, run)
    commit(records, run, 1, {10 * place: {"validation_loss": value} for place, value in enumerate(values, 1)})
    with records.read() as session:
        found = playing(session, run)
    assert found is not None
    assert found.step == step


def test_the_best_is_told_of_many_runs_at_once(records: Records) -> None:
    first, second, nothing = (queued_run(records) for _ in range(3))
    gan = queued_run(records, family="gan")
    for run in (first, second, nothing, gan):
        claim(records, run)
    commit(records, first, 1, LOSSES)
    commit(records, second, 1, {5: {"validation_loss": -2.5}, 6: {"validation_loss": -2.0}})
    commit(records, nothing, 1, {5: {"train_loss": 1.0}})
    commit(records, gan, 1, {5: {"validation_loss": 1.0}})
    with records.read() as session:
        found = best(session, [first, second, nothing, gan])
        assert {run_id: row.step for run_id, row in found.items()} == {first.id: 20, second.id: 5}
        assert best(session, []) == {}


def test_before_the_first_checkpoint_nothing_plays(records: Records) -> None:
    run = queued_run(records, keep="best")
    with records.write() as session:
        assert playing(session, run) is None
        with pytest.raises(NotFound, match="checkpoint of run"):
            evaluations.request(session, run.id, 10, 1)


def test_a_run_without_held_out_windows_plays_its_last(records: Records) -> None:
    run = queued_run(records, keep="best")
    claim(records, run)
    commit(records, run, 1, {10: {"train_loss": 1.0}, 20: {"train_loss": 2.0}})
    with records.read() as session:
        assert best(session, [run]) == {}
        chosen = playing(session, run)
        assert chosen is not None and chosen.step == 20


def test_what_was_superseded_is_not_the_best(records: Records) -> None:
    """An attempt is lost, and the next goes on from before its best: that one counts no more."""
    run = queued_run(records, keep="best")
    claim(records, run, seconds=0.01)
    commit(records, run, 1, {10: {"validation_loss": 5.0}, 20: {"validation_loss": 1.0}, 30: {"validation_loss": 2.0}})
    expire()
    with records.write() as session:
        leases.reap(session)
    claim(records, run)
    with records.write() as session:
        leases.begin(session, run.id, 2, 10)
    commit(records, run, 2, {20: {"validation_loss": 3.0}, 25: {"validation_loss": 4.0}}, final=25)
    with records.write() as session:
        assert [(row.attempt, row.step) for row in best(session, [run]).values()] == [(2, 20)]
        leases.succeed(session, run.id, 2, 10, 1)
        newest = evaluations.newest(session, run.id)
        chosen = best(session, [run])[run.id]
        assert newest.checkpoint_id == chosen.id


def test_the_last_is_what_the_last_attempt_ended_with(records: Records) -> None:
    """By the clock a later attempt may take fewer steps than one whose checkpoint was damaged."""
    run = queued_run(records, "clementi", keep="last")
    claim(records, run, seconds=0.01)
    commit(records, run, 1, {10: {}, 40: {}}, final=40)
    expire()
    with records.write() as session:
        leases.reap(session)
    claim(records, run)
    commit(records, run, 2, {30: {}}, final=30)
    with records.write() as session:
        leases.succeed(session, run.id, 2, 10, 1)
        assert models.get(session, "clementi").checkpoint.step == 30


def test_an_early_stop_is_an_event_of_its_point(records: Records) -> None:
    run = queued_run(records)
    claim(records, run)
    why = {"step": 30, "best_step": 10, "patience": 2}
    with records.write() as session:
        leases.commit_checkpoint(session, run.id, 1, checkpoint(run, 1, 30, final=True), {}, [], why)
    with records.read() as session:
        found = list(events.after(session, run.id, 0, 100))
    assert [event.kind for event in found] == ["created", "started", "evaluated", "stopped_early"]
    assert found[-1].data == why
