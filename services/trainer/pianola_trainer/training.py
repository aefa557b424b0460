"""The training loop of one attempt: from the newest checkpoint, or the beginning, to the run's end or an order."""

import json
import time
from collections.abc import Mapping, Sequence
from functools import partial
from struct import Struct
from typing import Any, Final, NoReturn

import structlog
from sqlalchemy.exc import DBAPIError

from pianola.models.fleet import Fleet
from pianola.models.learner import Learner
from pianola.models.presets import FAMILIES
from pianola.models.registry import create_learner
from pianola.records import leases, runs
from pianola.records.states import RunState
from pianola.records.tables import Json, Metric, Run
from pianola_trainer.assignment import Assignment
from pianola_trainer.batches import Batches, Split, split_of_run
from pianola_trainer.checkpoints import Checkpoints, File, Place
from pianola_trainer.course import Course
from pianola_trainer.errors import BatchTooSmall, NothingHeldOut, NoWindows, OneSided
from pianola_trainer.means import Means
from pianola_trainer.orders import Asked, Order, Orders
from pianola_trainer.patience import is_away, patiently
from pianola_trainer.points import Point, check_finite, check_weights
from pianola_trainer.probing import probe
from pianola_trainer.ranks import own_rank, spread
from pianola_trainer.setup import Setup
from pianola_trainer.stepping import Steps
from pianola_trainer.stopping import check_sound, is_exhausted
from pianola_trainer.windows import read_windows

REPORT_SECONDS: Final = 1.0
POINT_SHARE: Final = 4.0
"""Points that are a time apart wait for so many times what the last one took: they take a fifth of the time at most."""
_FRACTION: Final = Struct("d")
SAMPLES: Final = 1000
"""Windows of the evaluation that follows a run."""

_log = structlog.get_logger("training")


class Training:
    """One attempt's training. Asked, StaleAttempt and CannotTrain end it early."""

    def __init__(self, assignment: Assignment, orders: Orders, processes: int = 1) -> None:
        """processes: of this attempt, on which all of them come here; see ranks.py."""
        self._assignment, self._orders = assignment, orders
        run, options = assignment.run, assignment.options
        self._windows = read_windows(assignment.store, assignment.dataset, assignment.windows_bytes).conditioned(
            options.condition
        )
        sides = self._sides()
        if options.patience is not None and not len(sides.held_out):
            raise NothingHeldOut(options.patience)
        self._batches = Batches(sides.training, options.batch, run.seed, self._windows.ends)
        if self._batches.size < processes:
            raise BatchTooSmall(self._batches.size, processes)
        self._fleet = Fleet(own_rank(), processes, self._batches.size)
        self._course = Course.of(options, self._batches)
        measured, sides_measured = self._windows.excerpt(sides)
        self._point = Point(measured, sides_measured, run.seed, orders)
        self._density = measured.density(sides_measured.training)
        setup = self._set_up()
        self._checkpoints = Checkpoints(assignment, self._windows, sides, setup)
        self._learner = self._new_learner(setup)
        self._steps = self._new_steps(self._learner, setup)
        self._elapsed = 0.0
        self._committed: int | None = None
        self._means = Means()
        self._started = self._last_point = time.monotonic()
        # Whoever waits hears of the first step at once.
        self._last_report = self._started - REPORT_SECONDS
        self._fraction_at_start = 0.0
        self._pause = options.evaluate_every_seconds
        _log.info(
            "ready", windows=len(self._windows), training=len(sides.training), held_out_by=sides.by, course=self._course
        )

    def _sides(self) -> Split:
        """What is learned from and what is held out, by the dataset where it says so. Raises CannotTrain."""
        run, dataset, share = self._assignment.run, self._assignment.dataset, self._assignment.options.held_out
        sides = split_of_run(self._windows.file, self._windows.held_out, share, run.seed)
        if sides.by != "dataset":
            if not len(sides.training):
                raise NoWindows(len(self._windows), share)
            return sides
        if not len(sides.training):
            raise OneSided(dataset.name, dataset.options, "training")
        if not len(sides.held_out):
            raise OneSided(dataset.name, dataset.options, "held-out")
        return sides

    def _set_up(self) -> Setup:
        """How the run computes, on all processes as rank 0 chooses."""
        if self._fleet.rank == 0:
            setup = self._choose_setup()
            self._fleet.tell(json.dumps(setup.to_json()).encode())
            return setup
        return Setup.of_json(json.loads(self._fleet.tell()))

    def _choose_setup(self) -> Setup:
        """As an earlier attempt did, else as the options say or as is fastest here."""
        run, options = self._assignment.run, self._assignment.options
        setup = Setup.of_record(run.setup, self._fleet.size)
        if setup is not None:
            _log.info("set_up", kept=setup.name)
            return setup
        setup = Setup.of_options(options, self._fleet.size)
        if options.precision == "auto":
            self._windows.prepare(self._batches, 0, self._orders.check)
            setup = probe(setup, lambda way: self._new_steps(self._new_learner(way), way), self._batches.size)
        patiently(partial(self._record, setup))
        return setup

    def _record(self, setup: Setup) -> None:
        with self._assignment.records.write() as session:
            leases.set_up(session, self._assignment.run.id, self._assignment.attempt, setup.to_json())

    def _new_learner(self, setup: Setup) -> Learner[Any]:
        run, options = self._assignment.run, self._assignment.options
        conditions = self._windows.conditions
        learner = create_learner(run.family, run.preset, options, run.seed, self._density, conditions)
        setup.apply(learner)
        return learner

    def _new_steps(self, learner: Learner[Any], setup: Setup) -> Steps:
        return Steps(learner, self._windows, self._batches, self._assignment.run.seed, setup)

    def _series(self) -> Sequence[Metric]:
        with self._assignment.records.read() as session:
            return runs.metrics(session, self._assignment.run.id)

    @property
    def _step(self) -> int:
        return self._learner.steps_taken

    def run(self) -> None:
        """Train to the end: the final checkpoint is committed and the run has succeeded."""
        ended = self._resume()
        spread(self._learner, self._fleet)
        # An attempt may have died between the point that tells and telling.
        self._check_sound()
        if not ended:
            try:
                self._train()
            except Asked as asked:
                self._let_go(asked)
                raise
        patiently(self._succeed)

    def follow(self) -> NoReturn:
        """Where this is not rank 0: take every step that rank 0 takes, until it ends this process."""
        spread(self._learner, self._fleet)
        while True:
            fraction = _FRACTION.unpack(self._fleet.tell())[0]
            self._windows.prepare(self._batches, self._step, self._orders.check)
            self._steps.take(fraction)

    def _resume(self) -> bool:
        """Go on from the newest checkpoint; True when that is the run's last."""
        found = self._checkpoints.restore(self._learner)
        if found is not None:
            self._elapsed = found[0].elapsed
            self._committed = self._step
            _log.info("resumed", step=self._step)
        else:
            self._checkpoints.adopt(self._learner)
        run_id, attempt = self._assignment.run.id, self._assignment.attempt

        def begin() -> None:
            with self._assignment.records.write() as session:
                leases.begin(session, run_id, attempt, self._step)

        patiently(begin)
        return found is not None and found[1]

    def _train(self) -> None:
        self._started = self._last_point = time.monotonic()
        self._fraction_at_start = self._fraction()
        while not self._course.done(self._step, self._elapsed):
            self._orders.check()
            self._report(self._learn())
            if (
                self._point_is_due()
                and not self._course.done(self._step, self._elapsed)
                and self._commit_point(final=False)
            ):
                return
        # What is finished is finished: from here on only a cancel stops it.
        self._commit_point("cancel", final=True)

    def _learn(self) -> dict[str, float]:
        """One step; what it measured."""
        # Waiting for the store is no time spent on steps.
        self._windows.prepare(self._batches, self._step, self._orders.check)
        began = time.perf_counter()
        fraction = self._fraction()
        self._fleet.tell(_FRACTION.pack(fraction))
        values = self._steps.take(fraction)
        seconds = time.perf_counter() - began
        self._elapsed += seconds
        check_finite(values, self._learner)
        self._means.add(values, self._batches.size, seconds)
        return values

    def _point_is_due(self) -> bool:
        every = self._assignment.options.evaluate_every_steps
        if every is not None:
            return self._step % every == 0
        now = time.monotonic()
        # A point just before the last one would tell nothing new.
        left = self._seconds_left(now)
        return now - self._last_point >= self._pause and (left is None or left >= self._pause / 2)

    def _seconds_left(self, now: float) -> float | None:
        """By the pace so far; None before there is one."""
        fraction = self._fraction()
        done = fraction - self._fraction_at_start
        return (now - self._started) * (1 - fraction) / done if done > 0 else None

    def _commit_point(self, *only: Order, final: bool) -> bool:
        """Measure, draw and commit; True where training ends here."""
        began = time.monotonic()
        check_weights(self._learner)
        self._point.calibrate(self._learner, *only)
        measured = self._point.measure(self._learner, *only)
        check_finite(measured, self._learner)
        played, files = self._point.draw(self._learner, *only)
        stopped_early = None if final else self._stopped_early(measured)
        values = {**self._means.take(), **measured, **played}
        final = final or stopped_early is not None
        self._commit(values, files, final=final, stopped_early=stopped_early)
        self._check_sound()
        self._last_point = time.monotonic()
        self._pause = max(self._assignment.options.evaluate_every_seconds, POINT_SHARE * (self._last_point - began))
        return final

    def _stopped_early(self, measured: Mapping[str, float]) -> Json | None:
        """What the event says where, with what was measured now, the run's patience ends; None where it does not."""
        patience, decides = self._assignment.options.patience, FAMILIES[self._assignment.run.family].decides
        if patience is None or decides is None:
            return None
        found = [(point.step, point.values[decides]) for point in patiently(self._series) if decides in point.values]
        found.append((self._step, measured[decides]))
        if not is_exhausted([loss for _, loss in found], patience):
            return None
        return {"step": self._step, "best_step": min(found, key=lambda one: one[1])[0], "patience": patience}

    def _check_sound(self) -> None:
        """Raise Collapsed where the run plays next to nothing."""
        most = self._assignment.options.collapse_points
        if most is not None:
            check_sound(patiently(self._series), self._density, most)

    def _let_go(self, asked: Asked) -> None:
        """Keep what was learnt since the last checkpoint, unless nobody wants it."""
        if asked.order != "cancel" and self._committed != self._step:
            # Whoever waits for this worker to stop does not wait for measurements and pictures.
            check_weights(self._learner)
            self._point.calibrate(self._learner, "cancel")
            self._commit(self._means.take(), [], final=False)

    def _commit(self, values: Json, files: list[File], *, final: bool, stopped_early: Json | None = None) -> None:
        place = self._place()
        self._checkpoints.commit(self._learner, place, values, files, final=final, stopped_early=stopped_early)
        self._committed = self._step

    def _place(self) -> Place:
        return Place(self._step, *self._batches.place(self._step), self._elapsed)

    def _fraction(self) -> float:
        return self._course.fraction(self._step, self._elapsed)

    def _report(self, values: Mapping[str, float]) -> None:
        """Say how far the attempt is, now and then. A database that is away is no reason to wait here."""
        now = time.monotonic()
        if now - self._last_report < REPORT_SECONDS:
            return
        self._last_report = now
        progress = {
            "fraction": self._fraction(),
            "loss": values.get("train_loss", values.get("generator_loss")),
            "windows_per_second": self._means.windows_per_second,
            "eta_seconds": self._seconds_left(now),
        }
        place = self._place()
        try:
            with self._assignment.records.write() as session:
                leases.report(
                    session, self._assignment.run.id, self._assignment.attempt, place.step, place.epoch, progress
                )
        except DBAPIError as error:
            if not is_away(error):
                raise
            _log.warning("not_reported", error=str(error.orig))

    def _succeed(self) -> None:
        run_id, attempt = self._assignment.run.id, self._assignment.attempt
        with self._assignment.records.write() as session:
            run = session.get_one(Run, run_id)
            # A connection that broke may have broken after the commit.
            if (run.state, run.attempt) != (RunState.SUCCEEDED, attempt):
                leases.succeed(session, run_id, attempt, SAMPLES, run.seed)
