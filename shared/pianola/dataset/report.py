"""The dataset's report: what the build says of every file, in pages that the manifest names.

A page is canonical JSON: a list of one object for each file of a stretch of the dataset, in its order. Pages are named
by their content, so the manifest stays small and the dataset's digest holds every file's name, content and verdict.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pianola.codec.verdict import Verdict


class BadPage(ValueError):
    """Bytes that are not a page of a report, or JSON that is not a page's entry."""


@dataclass(frozen=True)
class FileReport:
    """A file's line: its name in the dataset, its bytes' sha256 and number, labels by field, and the verdict."""

    name: str
    sha256: str
    size: int
    labels: Mapping[str, str]
    held_out: bool
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """Every field by name, the verdict's among them."""
        own = {"name": self.name, "sha256": self.sha256, "size": self.size}
        return own | {"labels": dict(self.labels), "held_out": self.held_out} | self.verdict.to_json()


@dataclass(frozen=True)
class PageEntry:
    """A page in the manifest: its digest, and the first and last file it reports on."""

    sha256: str
    files_from: int
    files_to: int

    @property
    def key(self) -> str:
        """Where the page lies in the dataset's folder: the same for the same content."""
        return f"report/{self.sha256}.json"

    def to_json(self) -> dict[str, object]:
        """Every field by name, as JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> "PageEntry":
        """The entry that `to_json` wrote. Raises BadPage."""
        match values:
            case {"sha256": str(sha256), "files_from": int(first), "files_to": int(last)}:
                return cls(sha256, first, last)
        raise BadPage(f"{values!r} is not a page's entry")


def page_bytes(files: Sequence[FileReport]) -> bytes:
    """A page as canonical JSON: sorted names, no spaces, ASCII."""
    lines = [file.to_json() for file in files]
    return json.dumps(lines, sort_keys=True, separators=(",", ":")).encode("ascii")


def read_page(data: bytes) -> list[FileReport]:
    """The lines that `page_bytes` wrote. Raises BadPage."""
    try:
        return [_line(dict(values)) for values in json.loads(data)]
    except (KeyError, TypeError, ValueError) as error:
        raise BadPage(f"not a page of a dataset's report: {error}") from error


def _line(values: dict[str, Any]) -> FileReport:
    names = [field.name for field in dataclasses.fields(FileReport) if field.name != "verdict"]
    own = {name: values.pop(name) for name in names}
    return FileReport(**own, verdict=Verdict(**values))
