"""Shapes of datasets, their files and their report."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from pianola.records.tables import Dataset as Row
from pianola_api.schemas.common import Body, Name, Page, PageQuery, Resource


class NewDataset(Body):
    """A dataset to create."""

    name: Name
    preset: Literal["piano", "thesis"] = Field("piano", description="codec options to begin with")
    options: dict[str, Any] | None = Field(None, description="codec options that differ from the preset's")


class Dataset(Resource):
    """A named set of MIDI files plus codec options; immutable once built; identified by digest."""

    id: str
    name: str
    state: Literal["open", "building", "built", "failed"]
    preset: str
    options: dict[str, Any]
    digest: str | None
    files: int
    files_accepted: int
    files_refused: int
    files_done: int = Field(description="files that have their verdict")
    windows: int
    notes: int
    error: str | None
    created_at: datetime
    built_at: datetime | None

    @classmethod
    def of(cls, row: Row, files_done: int) -> "Dataset":
        """The row as its shape; `files_done` is counted elsewhere."""
        given = {name: getattr(row, name) for name in cls.model_fields if name != "files_done"}
        return cls(**given, files_done=files_done)


class DatasetPage(Page[Dataset]):
    """A page of datasets, newest first."""


class FilesQuery(PageQuery):
    """Which part of the report is asked for."""

    verdict: Literal["accepted", "refused"] | None = None


class DatasetFile(Resource):
    """A file and, once built, its line in the report. Offsets in bytes; `verdict` is null until built."""

    name: str
    sha256: str
    size: int
    verdict: Literal["accepted", "refused"] | None
    windows: int
    notes: int
    left_out: dict[str, int]
    warnings: list[str]
    code: str | None
    offset: int | None
    reason: str | None


class DatasetFilePage(Page[DatasetFile]):
    """A page of the report, by name."""


class UploadedFile(Resource):
    """A file that the dataset holds now."""

    name: str
    sha256: str
    size: int


class SkippedFile(Resource):
    """A file that was not taken, and why."""

    name: str
    reason: str


class Uploaded(Resource):
    """What an upload came to: files that are new, and files that were there already with the same content."""

    added: int
    unchanged: int
    files: Sequence[UploadedFile]
    skipped: Sequence[SkippedFile]
