"""The run protocol, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from pianola.records import Records, evaluations, events, leases, models, runs
from pianola.records.errors import NotFound, StaleAttempt
from pianola.records.states import RunState, WrongState
from pianola.records.tables import Run

from .makers import checkpoint, expire, queued_run


def state(records: Records, run_id: str) -> str:
    with records.read() as session:
        return runs.get(session, run_id).state


def kinds(records: Records, run_id: str) -> list[str]:
    with records.read() as session:
        found = events.after(session, run_id, 0, 100)
        assert [event.number for event in found] == list(range(1, len(found) + 1))
        return [event.kind for event in found]


def claim(records: Records, run_id: str, worker: str = "w", seconds: float = 60) -> Run:
    with records.write() as session:
        run = leases.claim(session, run_id, worker, seconds)
    assert run is not None
    return run


def test_one_of_many_workers_claims(records: Records) -> None:
    run = queued_run(records)

    def try_claim(number: int) -> int | None:
        with records.write() as session:
            claimed = leases.claim(session, run.id, f"worker {number}", 60)
            return None if claimed is None else claimed.attempt

    with ThreadPoolExecutor(8) as pool:
        winners = [attempt for attempt in pool.map(try_claim, range(16)) if attempt is not None]
    assert winners == [1]
    assert kinds(records, run.id) == ["created", "started"]


def test_finished_once_with_model_and_evaluation(records: Records) -> None:
    run = queued_run(records, model="clementi")
    claim(records, run.id)
    with records.write() as session:
        leases.commit_checkpoint(
            session,
            run.id,
            1,
            checkpoint(run, 1, 10, final=True),
            {"loss": 2.0},
            [leases.NewArtefact("samples-10.png", "samples", 10, "key", "image/png", 3)],
        )
        evaluation = leases.succeed(session, run.id, 1, 1000, 7)
    with records.write() as session:
        assert models.get(session, "clementi").checkpoint.step == 10
        assert [point.values for point in runs.metrics(session, run.id)] == [{"loss": 2.0}]
        assert runs.artefact(session, run.id, "samples-10.png").media_type == "image/png"
        claimed = evaluations.claim(session, evaluation.id, 60)
        assert claimed is not None
        assert evaluations.claim(session, evaluation.id, 60) is None
        evaluations.succeed(session, evaluation.id, 1, {"empty": 0.0}, [])
        assert evaluations.newest(session, run.id).report == {"empty": 0.0}
    expected = ["created", "started", "evaluated", "succeeded", "evaluation_succeeded"]
    assert kinds(records, run.id) == expected
    with records.write() as session, pytest.raises(StaleAttempt):
        leases.succeed(session, run.id, 1, 1000, 7)
    with records.write() as session, pytest.raises(WrongState, match="has ended"):
        runs.cancel(session, run.id)
    assert state(records, run.id) == RunState.SUCCEEDED


def test_a_zombie_writes_nothing(records: Records) -> None:
    run = queued_run(records)
    claim(records, run.id, "zombie", 0.01)
    expire()
    with records.write() as session:
        assert leases.reap(session) == [(run.id, "train")]
    second = claim(records, run.id, "heir")
    assert second.attempt == 2
    with pytest.raises(StaleAttempt), records.write() as session:
        leases.heartbeat(session, run.id, 1, 60)
    with pytest.raises(StaleAttempt), records.write() as session:
        leases.commit_checkpoint(session, run.id, 1, checkpoint(run, 1, 99), {}, [])
    with pytest.raises(StaleAttempt), records.write() as session:
        leases.fail(session, run.id, 1, "mine", "")
    with pytest.raises(StaleAttempt), records.write() as session:
        leases.stopped(session, run.id, 1, "crashed")
    with records.read() as session:
        assert runs.checkpoints(session, run.id) == []
        assert [(a.number, a.outcome) for a in runs.attempts(session, run.id)] == [(1, "lost"), (2, None)]


def test_points_past_the_resumed_step_are_superseded(records: Records) -> None:
    run = queued_run(records)
    claim(records, run.id, seconds=0.01)
    for step in (10, 20, 30):
        with records.write() as session:
            leases.commit_checkpoint(session, run.id, 1, checkpoint(run, 1, step), {"loss": step}, [])
    expire()
    with records.write() as session:
        leases.reap(session)
    claim(records, run.id)
    with records.write() as session:
        leases.begin(session, run.id, 2, 20)
        leases.commit_checkpoint(session, run.id, 2, checkpoint(run, 2, 30), {"loss": 31}, [])
    with records.read() as session:
        series = [(point.step, point.attempt) for point in runs.metrics(session, run.id)]
    assert series == [(10, 1), (20, 1), (30, 2)]


def test_failed_after_three_attempts_without_progress(records: Records) -> None:
    run = queued_run(records)
    for attempt in (1, 2, 3):
        claim(records, run.id)
        with records.write() as session:
            after = leases.stopped(session, run.id, attempt, "crashed", "out of memory")
    assert after == RunState.FAILED
    with records.read() as session:
        error = runs.get(session, run.id).error
    assert error is not None
    assert "3 attempts" in error
    assert "out of memory" in error


def test_what_is_put_off_or_let_go_in_order_does_not_count_and_waits_longer_each_time(records: Records) -> None:
    run, waits = queued_run(records), []
    for attempt in range(1, 9):
        claim(records, run.id)
        with records.write() as session:
            if attempt < 6:
                assert leases.put_off(session, run.id, attempt, "the store is away") == RunState.QUEUED
            else:
                assert leases.stopped(session, run.id, attempt, "released") == RunState.QUEUED
        with records.write() as session:
            if attempt < 6:
                assert leases.stale_queued(session, 0.01) == []
            put_off = runs.get(session, run.id)
        waits.append((put_off.sent_at - put_off.updated_at).total_seconds())
        assert put_off.barren_attempts == 0
        assert (put_off.error == "waits for another try: the store is away") == (attempt < 6)
    for longest, (wait, following) in zip((5, 10, 20, 40), pairwise(waits[:5]), strict=True):
        assert longest / 2 - 1 <= wait <= longest <= 2 * following + 1
    assert waits[5:] == pytest.approx([0, 0, 0], abs=1)


def test_an_evaluation_fails_after_three_crashes_and_not_for_being_let_go(records: Records) -> None:
    run = queued_run(records)
    claim(records, run.id)
    with records.write() as session:
        leases.commit_checkpoint(session, run.id, 1, checkpoint(run, 1, 10, final=True), {}, [])
        evaluation = leases.succeed(session, run.id, 1, 1000, 7)
    for outcome in ("released", "away", "released", "away", "crashed", "crashed", "released", "crashed"):
        with records.write() as session:
            claimed = evaluations.claim(session, evaluation.id, 60)
            assert claimed is not None
            evaluations.release(session, evaluation.id, claimed.attempt, outcome)  # type: ignore[arg-type]  # literals
    with records.write() as session:
        assert evaluations.claim(session, evaluation.id, 60) is None
        failed = evaluations.newest(session, run.id)
        assert (failed.state, failed.error) == ("failed", "3 attempts ended without a report")


def test_a_checkpoint_forgives_earlier_crashes(records: Records) -> None:
    run = queued_run(records)
    for attempt in range(1, 6):
        claim(records, run.id)
        with records.write() as session:
            leases.commit_checkpoint(session, run.id, attempt, checkpoint(run, attempt, attempt), {}, [])
            assert leases.stopped(session, run.id, attempt, "crashed") == RunState.QUEUED


@pytest.mark.parametrize(("ask", "after"), [(runs.cancel, RunState.CANCELLED), (runs.pause, RunState.PAUSED)])
def test_a_dead_worker_cannot_hold_up_cancel_or_pause(records: Records, ask: object, after: RunState) -> None:
    run = queued_run(records)
    claim(records, run.id, seconds=0.01)
    with records.write() as session:
        ask(session, run.id)  # type: ignore[operator]  # either of two functions
    expire()
    with records.write() as session:
        assert leases.reap(session) == []
    assert state(records, run.id) == after


def test_cancel_waits_for_the_worker_and_beats_its_success(records: Records) -> None:
    run = queued_run(records)
    claim(records, run.id)
    with records.write() as session:
        leases.commit_checkpoint(session, run.id, 1, checkpoint(run, 1, 5, final=True), {}, [])
        assert runs.cancel(session, run.id).state == RunState.CANCELLING
    with records.write() as session:
        assert leases.heartbeat(session, run.id, 1, 60) == RunState.CANCELLING
    with pytest.raises(StaleAttempt), records.write() as session:
        leases.succeed(session, run.id, 1, 10, 0)
    with records.write() as session:
        assert leases.stopped(session, run.id, 1, "released") == RunState.CANCELLED


def test_pause_and_resume(records: Records) -> None:
    run = queued_run(records)
    claim(records, run.id)
    with records.write() as session:
        assert runs.pause(session, run.id).state == RunState.PAUSING
        assert leases.stopped(session, run.id, 1, "released") == RunState.PAUSED
    with records.write() as session:
        assert leases.claim(session, run.id, "w", 60) is None
        assert runs.resume(session, run.id).state == RunState.QUEUED
    assert claim(records, run.id).attempt == 2
    with records.write() as session, pytest.raises(WrongState, match="is running"):
        runs.resume(session, run.id)


def test_queued_runs_are_sent_again_when_their_message_is_old(records: Records) -> None:
    run = queued_run(records)
    with records.write() as session:
        assert leases.stale_queued(session, 60) == []
    expire()
    with records.write() as session:
        assert leases.stale_queued(session, 0.01) == [(run.id, "train")]
        assert leases.stale_queued(session, 60) == []


def test_events_have_no_gap_under_concurrent_writers(records: Records) -> None:
    run = queued_run(records)

    def write(number: int) -> None:
        with records.write() as session:
            events.append(session, Run, run.id, "note", {"number": number})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    assert len(kinds(records, run.id)) == 41


def test_runs_that_reach_the_same_digest_keep_their_own_checkpoints(records: Records) -> None:
    first, second = queued_run(records), queued_run(records)
    for run in (first, second):
        claim(records, run.id)
        with records.write() as session:
            leases.commit_checkpoint(session, run.id, 1, checkpoint(run, 1, 10), {}, [])
    digest = checkpoint(first, 1, 10).generator_digest
    with records.read() as session:
        assert runs.checkpoint(session, digest, first.id).run_id == first.id
        assert runs.checkpoint(session, digest, second.id).run_id == second.id
        assert runs.checkpoint(session, digest).run_id == second.id
        with pytest.raises(NotFound):
            runs.checkpoint(session, digest, "run_none")
