"""Shapes of a dataset's files: as uploaded, and as the report has them."""

from collections.abc import Sequence
from typing import Literal

from pianola_api.schemas.common import Page, PageQuery, Resource
from pianola_api.schemas.datasets import Version


class FilesQuery(PageQuery):
    """Which part of the report is asked for."""

    verdict: Literal["accepted", "refused"] | None = None


class DatasetFile(Resource):
    """A file and, once built, its line in the report. Offsets in bytes; `verdict` is null until built.

    `duplicate_of` names the near-identical file that was kept instead.
    """

    name: str
    sha256: str
    size: int
    labels: dict[str, str]
    verdict: Literal["accepted", "refused"] | None
    windows: int
    notes: int
    held_out: bool
    duplicate_of: str | None
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
    """What an upload came to: files that are new, there already with the same content, or replaced by other content.

    `dataset` took them: the next version of a built one.
    """

    added: int
    unchanged: int
    replaced: int
    files: Sequence[UploadedFile]
    skipped: Sequence[SkippedFile]
    dataset: Version
