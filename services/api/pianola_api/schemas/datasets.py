"""Shapes of datasets: to create, to show, to list, and how far a build is."""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from pianola.records.builds import Progress
from pianola.records.states import DatasetState
from pianola.records.tables import Dataset as Row
from pianola_api.schemas.common import Body, Name, Page, PageQuery, Resource

State = Literal["open", "building", "built", "failed"]


class NewDataset(Body):
    """A dataset to create."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"name": "bach"},
                {
                    "name": "waltzes",
                    "options": {
                        "metres": ["3/4"],
                        "hop": 48,
                        "held_out": 0.1,
                        "held_out_seed": 7,
                        "duplicates": "files",
                        "folder_labels": ["composer"],
                        "velocity": True,
                    },
                },
            ]
        }
    )

    name: Name
    preset: Literal["piano", "thesis"] = Field("piano", description="options to begin with")
    options: dict[str, Any] | None = Field(None, description="options that differ from the preset's")


class BuildPace(Resource):
    """How fast a build goes; null where nothing is measured yet."""

    windows_per_second: float | None
    eta_seconds: float | None


class Duplicates(Resource):
    """What deduplication left out: identical windows, and near-identical files."""

    windows: int
    files: int


class Dataset(Resource):
    """One version of a named set of MIDI files plus options; immutable once built; identified by digest.

    Its name means the newest version, name@N one of them, its id this one. While it is building, `files_done`,
    `files_refused`, `files_reused` and `windows` are those so far.
    """

    id: str
    name: str
    version: int
    parent_id: str | None = Field(description="the version before")
    state: State
    preset: str
    options: dict[str, Any]
    digest: str | None
    files: int
    files_accepted: int
    files_refused: int
    files_done: int = Field(description="files that have their verdict")
    files_reused: int = Field(description="files whose results are those of the version before")
    windows: int
    windows_held_out: int = Field(description="windows of files held out from training")
    notes: int
    labels: dict[str, list[str]] = Field(description="the values of each label field")
    duplicates: Duplicates | None = Field(description="null where duplicates are kept")
    progress: BuildPace | None = Field(description="null unless it is building")
    error: str | None
    created_at: datetime
    built_at: datetime | None

    @classmethod
    def of(cls, row: Row, so_far: Progress | None) -> "Dataset":
        """The row as its shape; `so_far` is there while it is building."""
        if so_far is None:
            done = row.files if row.state == DatasetState.BUILT else row.files_accepted + row.files_refused
            live: dict[str, object] = {"files_done": done, "progress": None}
        else:
            live = {
                "files_done": so_far.files_done,
                "files_refused": so_far.files_refused,
                "files_reused": so_far.files_reused,
                "windows": so_far.windows,
                "progress": BuildPace.model_validate(so_far),
            }
        return cls(**{name: getattr(row, name) for name in cls.model_fields.keys() - live.keys()}, **live)


class Building(Resource):
    """What a stream says as `progress` of a dataset."""

    state: State
    files: int
    files_done: int
    files_refused: int
    files_reused: int
    windows: int
    windows_per_second: float | None
    eta_seconds: float | None

    @classmethod
    def of(cls, row: Row, so_far: Progress) -> "Building":
        """The row's state, and how far its build is."""
        return cls(state=DatasetState(row.state).value, **vars(so_far))


class DatasetPage(Page[Dataset]):
    """A page of datasets, newest first."""


class DatasetsQuery(PageQuery):
    """Which datasets are asked for."""

    name: str | None = Field(None, max_length=100, description="only the versions of this one")


class Version(Resource):
    """Which version of a dataset took something."""

    id: str
    name: str
    version: int
    state: State


class Labelled(Resource):
    """What a CSV of labels came to; `unknown` are the first 100 names in it that no file of the dataset has."""

    labelled: int = Field(description="files that have labels from it now")
    fields: list[str]
    unknown: list[str]
    dataset: Version
