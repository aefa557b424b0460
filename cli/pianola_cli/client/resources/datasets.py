"""Datasets, their files and labels, and what is fetched into them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from pianola_cli.client.resources.resource import Resource, Work


class BuildPace(Resource):
    """How fast a build goes: windows a second, and the seconds until every file is read."""

    windows_per_second: float | None = None
    eta_seconds: float | None = None


class Duplicates(Resource):
    """What deduplication left out: identical windows, and near-identical files."""

    windows: int = 0
    files: int = 0


class Dataset(Resource):
    """One version of a named set of MIDI files and the options they are read with; immutable once built.

    `labels` are the values of each label field; `progress` is there while it is building.
    """

    id: str
    name: str
    version: int = 1
    parent_id: str | None = None
    state: str
    preset: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    digest: str | None = None
    files: int | None = None
    files_accepted: int | None = None
    files_refused: int | None = None
    files_done: int | None = None
    files_reused: int | None = None
    windows: int | None = None
    windows_held_out: int | None = None
    notes: int | None = None
    labels: dict[str, list[str]] = Field(default_factory=dict)
    duplicates: Duplicates | None = None
    progress: BuildPace | None = None
    error: str | None = None
    created_at: datetime | None = None
    built_at: datetime | None = None

    @property
    def versioned_name(self) -> str:
        """The name that means this version for good: "name", or "name@2" for a later one."""
        return self.name if self.version == 1 else f"{self.name}@{self.version}"


class Building(BuildPace):
    """How far a dataset's build is: files in all, and what those done came to."""

    state: str
    files: int = 0
    files_done: int = 0
    files_refused: int = 0
    files_reused: int = 0
    windows: int = 0

    @classmethod
    def of(cls, dataset: Dataset) -> Building:
        """What a dataset says of its own build."""
        said = dataset.model_dump(exclude_none=True)
        return cls.model_validate({**said, **said.get("progress", {})})


class DatasetFile(Resource):
    """One file of a dataset; `verdict` and what follows it are None before the build came to it.

    `duplicate_of` names the near-identical file that was kept instead of this one.
    """

    name: str
    sha256: str | None = None
    size: int | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    verdict: str | None = None
    windows: int | None = None
    notes: int | None = None
    held_out: bool | None = None
    duplicate_of: str | None = None
    left_out: dict[str, int] | None = None
    warnings: list[str] | None = None
    code: str | None = None
    offset: int | None = None
    reason: str | None = None


class SkippedFile(Resource):
    """An uploaded file that the dataset did not take."""

    name: str
    reason: str = ""


class DatasetVersion(Resource):
    """Which version of a dataset took files or labels."""

    id: str
    name: str
    version: int = 1
    state: str | None = None


class UploadReport(Resource):
    """What an upload came to, over all its requests; `dataset` is the version that took the files.

    `replaced` are files of the version before that have other content now.
    """

    added: int = 0
    unchanged: int = 0
    replaced: int = 0
    skipped: list[SkippedFile] = Field(default_factory=list)
    dataset: DatasetVersion | None = None

    def plus(self, other: UploadReport) -> UploadReport:
        """Both reports as one."""
        return UploadReport(
            added=self.added + other.added,
            unchanged=self.unchanged + other.unchanged,
            replaced=self.replaced + other.replaced,
            skipped=[*self.skipped, *other.skipped],
            dataset=other.dataset or self.dataset,
        )


class LabelReport(Resource):
    """What a CSV of labels came to: files labelled, its fields, and the first 100 names that no file has."""

    labelled: int = 0
    fields: list[str] = Field(default_factory=list)
    unknown: list[str] = Field(default_factory=list)
    dataset: DatasetVersion | None = None


class Import(Work):
    """Files that the server fetches into a dataset; `bytes_total` is None where the source does not say."""

    dataset_id: str
    source: dict[str, Any] = Field(default_factory=dict)
    bytes_done: int = 0
    bytes_total: int | None = None
    files_added: int = 0
    files_unchanged: int = 0
    files_skipped: int = 0
    skipped: list[SkippedFile] = Field(default_factory=list)
    error: str | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None


class Recipe(Resource):
    """A well-known set of MIDI files: where it lies, its sha256, and the licence to accept; `size` in bytes."""

    name: str
    title: str | None = None
    about: str | None = None
    homepage: str | None = None
    url: str | None = None
    sha256: str | None = None
    size: int | None = None
    files: int | None = None
    licence: str | None = None
    licence_url: str | None = None
    attribution: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
