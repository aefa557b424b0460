"""What a run is checked for before it is queued, so that no worker finds out for its submitter."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy.orm import Session

from pianola.models.family import RunOptions
from pianola.models.presets import FAMILIES, BadRunOptions
from pianola.records import models, runs
from pianola.records.best import playing
from pianola.records.conditions import condition_of, told_values
from pianola.records.errors import NotFound
from pianola.records.tables import Checkpoint, Dataset, Json, Run
from pianola_api.schemas.runs import NewRun

_MOST_NAMED: Final = 10


class TooFewWindows(ValueError):
    """A dataset that has no window to train on, or none left beside those held out; `field` is what decided it."""

    def __init__(self, dataset: str, field: str, message: str) -> None:
        super().__init__(f"dataset {dataset!r} is too small: {message}")
        self.errors = [{"field": field, "message": message}]


class HeldOutAlready(ValueError):
    """A run that chooses what is held out, on a dataset that has chosen already."""

    def __init__(self, dataset: str, share: float) -> None:
        message = f"dataset {dataset!r} holds out {share:g} of its files itself, for every run: leave this out"
        super().__init__(f"held_out: {message}")
        self.errors = [{"field": "held_out", "message": message}]


class NoCondition(ValueError):
    """A run whose model is to be told a label that the dataset does not have, or that tells nothing apart."""

    def __init__(self, dataset: Dataset, field: str) -> None:
        labels = dataset.labels
        if field in labels:
            has = f"the label {field!r} has {len(labels[field])} value of at least two"
        else:
            has = f"there is no label {field!r}"
        useful = [name for name, values in labels.items() if len(values) > 1]
        there = f"it has {', '.join(useful)}" if useful else "none of its labels has two: give its files labels first"
        message = f"{has} in dataset {dataset.name!r}; {there}"
        super().__init__(f"condition: {message}")
        self.errors = [{"field": "condition", "message": message}]


class OtherShape(ValueError):
    """A run that is to begin with the weights of another kind of model; `differences` are sentences."""

    def __init__(self, source: str, differences: Mapping[str, str]) -> None:
        super().__init__(f"the weights of {source!r} do not fit this run: {'; '.join(differences.values())}")
        self.errors = [{"field": field, "message": message} for field, message in differences.items()]


def check_condition(dataset: Dataset, options: RunOptions) -> None:
    """Raise NoCondition unless the label that the model is to be told is the dataset's, with two values at least."""
    field = options.condition
    if field is not None and len(dataset.labels.get(field, ())) < 2:
        raise NoCondition(dataset, field)


def find_source(session: Session, name: str) -> Checkpoint:
    """The checkpoint that a model's name, a run's id (then the one that plays) or the digest of either half means.

    Raises NotFound.
    """
    try:
        return models.checkpoint_to_serve(session, name)[1]
    except NotFound:
        run = session.get(Run, name)
        if run is None:
            raise NotFound("checkpoint, model or run", name) from None
    found = playing(session, run)
    if found is None:
        raise NotFound("checkpoint of run", run.id)
    return found


@dataclass(frozen=True)
class Choice:
    """The kind of model that a run is to train; `given` are the options that differ from the preset's."""

    family: str
    preset: str
    given: Mapping[str, object]


def choose(session: Session, wanted: NewRun, source: Checkpoint | None) -> Choice:
    """What is wanted; what is not said is as of `source`, where the run begins from that. Raises BadRunOptions."""
    given = wanted.options or {}
    if source is not None:
        former = runs.get(session, source.run_id)
        choice = Choice(wanted.family or former.family, wanted.preset or former.preset, given)
        told = former.options.get("condition")
        if told is not None and (choice.family, choice.preset) == (former.family, former.preset):
            return replace(choice, given={"condition": told, **given})
        return choice
    if wanted.family is None:
        message = f"give a family ({', '.join(FAMILIES)}) or something to begin from"
        raise BadRunOptions([{"field": "family", "message": message}])
    return Choice(wanted.family, wanted.preset or "default", given)


def check_shape(
    session: Session, name: str, source: Checkpoint, dataset: Dataset, choice: Choice, options: RunOptions
) -> None:
    """Raise OtherShape unless `source`, called `name`, is of this family and preset, and was told the same labels."""
    former = runs.get(session, source.run_id)
    differences = {}
    for field, has, wanted in (("family", former.family, choice.family), ("preset", former.preset, choice.preset)):
        if has != wanted:
            differences[field] = f"its {field} is {has}, the run's {wanted}"
    told, to_tell = condition_of(session, source), told_values(dataset.labels, options.condition)
    if told != to_tell:
        differences["condition"] = f"its model was told {_said(told)}, the run's is told {_said(to_tell)}"
    if differences:
        raise OtherShape(name, differences)


def _said(condition: Json | None) -> str:
    """A condition in a sentence; of many values the first ones."""
    if condition is None:
        return "no label"
    values = condition["values"]
    more = f" and {len(values) - _MOST_NAMED} more" if len(values) > _MOST_NAMED else ""
    return f"{condition['field']} ({', '.join(values[:_MOST_NAMED])}{more})"


def check_hold_out(dataset: Dataset, given: Mapping[str, object]) -> None:
    """Raise HeldOutAlready where the options `given` for a run say what is held out, and the dataset does too."""
    share = dataset.options.get("held_out", 0)
    if share and "held_out" in given:
        raise HeldOutAlready(dataset.name, share)


def check_windows(dataset: Dataset, options: RunOptions) -> None:
    """Raise TooFewWindows unless there are windows to train on. Where some are held out, that is one at least."""
    windows, share = dataset.windows, dataset.options.get("held_out", 0)
    if not windows:
        raise TooFewWindows(dataset.name, "dataset", "it has no windows: none of its files was accepted")
    if share:
        if not dataset.windows_held_out:
            left = (
                f"its own hold-out of {share:g} holds out no window, as those files gave none: create it with another "
            )
            raise TooFewWindows(dataset.name, "dataset", left + "held_out_seed")
        if windows <= dataset.windows_held_out:
            left = f"its own hold-out of {share:g} leaves none of its {windows} to train on: add music to it"
            raise TooFewWindows(dataset.name, "dataset", left)
    elif options.held_out and windows <= max(1, round(windows * options.held_out)):
        left = f"held_out {options.held_out:g} leaves none of its {windows} to train on: add music or lower held_out"
        raise TooFewWindows(dataset.name, "held_out", left)
