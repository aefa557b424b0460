"""Shapes of imports, and of the recipes for well-known sets."""

import re
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from pianola_api.schemas.common import Body, Page, Resource
from pianola_api.schemas.files import SkippedFile

_SHA256: Final = "^[0-9a-f]{64}$"
_FIELDS: Final = {
    "url": frozenset({"url", "sha256"}),
    "s3": frozenset({"bucket", "prefix"}),
    "recipe": frozenset({"recipe", "accept_licence"}),
}
_OPTIONAL: Final = frozenset({"prefix"})


class NewImport(Body):
    """Where files are fetched from: an address, a prefix of an S3 bucket, or a recipe. Each kind has its own fields."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"kind": "url", "url": "https://example.org/waltzes.zip", "sha256": "9f86d081884c7d65" * 4},
                {"kind": "s3", "bucket": "scores", "prefix": "vienna/"},
                {"kind": "recipe", "recipe": "nottingham", "accept_licence": True},
            ]
        }
    )

    kind: Literal["url", "s3", "recipe"]
    url: str | None = Field(None, max_length=2000, validate_default=True, description="http or https; kind url")
    sha256: str | None = Field(
        None,
        validate_default=True,
        description="what the content must have; kind url",
        json_schema_extra={"pattern": _SHA256},
    )
    bucket: str | None = Field(None, min_length=3, max_length=63, validate_default=True, description="kind s3")
    prefix: str | None = Field(None, max_length=1024, description="all of the bucket when not given; kind s3")
    recipe: str | None = Field(None, max_length=100, validate_default=True, description="its name; kind recipe")
    accept_licence: bool | None = Field(
        None, validate_default=True, description="true: you accept the recipe's licence; kind recipe"
    )

    @field_validator("url", "sha256", "bucket", "prefix", "recipe", "accept_licence")
    @classmethod
    def _belongs(cls, value: object, info: ValidationInfo) -> object:
        kind = info.data.get("kind")
        if kind is None:  # what is wrong with it is said already
            return value
        if info.field_name not in _FIELDS[kind]:
            if value is not None:
                raise ValueError(f"an import of kind {kind!r} has no such field")
        elif value is None and info.field_name not in _OPTIONAL:
            raise ValueError(f"an import of kind {kind!r} needs it")
        elif info.field_name == "sha256" and not re.fullmatch(_SHA256, str(value)):
            raise ValueError(f"it is 64 hexadecimal digits in small letters, got {str(value)[:80]!r}")
        return value

    def source(self) -> dict[str, Any]:
        """The fields of its kind, as the records keep them."""
        given = {name: getattr(self, name) for name in sorted(_FIELDS[self.kind])}
        return {"kind": self.kind} | {name: "" if value is None else value for name, value in given.items()}


class Import(Resource):
    """Files that a worker fetches into a dataset. Sizes in bytes; `skipped` are the first 100 not taken."""

    id: str
    dataset_id: str
    source: dict[str, Any] = Field(description="as it was asked for, without the query of an address")
    state: Literal["queued", "running", "succeeded", "failed"]
    bytes_done: int
    bytes_total: int | None = Field(description="null where the source does not say")
    files_added: int
    files_unchanged: int
    files_replaced: int
    files_skipped: int
    skipped: list[SkippedFile]
    error: str | None
    created_at: datetime
    finished_at: datetime | None

    @field_validator("source")
    @classmethod
    def _unsigned(cls, source: dict[str, Any]) -> dict[str, Any]:
        # The query of a signed address is a key to what lies there.
        return source | {"url": source["url"].partition("?")[0]} if "url" in source else source


class ImportPage(Page[Import]):
    """A page of imports, newest first."""


class Recipe(Resource):
    """A well-known set: where it lies, what its content must have, and the licence that importing it accepts."""

    name: str
    title: str
    about: str
    homepage: str
    url: str
    sha256: str
    size: int = Field(description="bytes to fetch")
    files: int = Field(description="MIDI files in it")
    licence: str
    licence_url: str
    attribution: str
    options: dict[str, Any] = Field(description="dataset options that suit it")


class Recipes(Resource):
    """Every recipe there is."""

    items: list[Recipe]
