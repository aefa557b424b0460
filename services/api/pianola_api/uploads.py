"""Files of a multipart request: read as they arrive, one at a time, and given to the intake."""

import hashlib
import tempfile
from collections.abc import Iterator
from typing import IO, Final

from werkzeug.sansio.multipart import Data, Epilogue, Event, File, MultipartDecoder, NeedData

from pianola.intake.collect import Intake, opens
from pianola.intake.entries import Limits, Skipped
from pianola.intake.names import shown
from pianola.objects import ObjectStore
from pianola.records.datasets import NewFile

FIELD: Final = "files"
MOST_ENTRIES: Final = 100_000
"""of a request: files and archive entries, whose names are all in memory until they are added"""
MOST_SKIPPED: Final = 1_000
_READ_BYTES: Final = 2**16
_HEADER_BYTES: Final = 2**16
"""of what is not a file's content: a part's headers, or a preamble without an end"""


class BadUpload(ValueError):
    """A body that is not a multipart form with files in it."""


class Upload:
    """What a request brings to a dataset's `folder`: `files` are stored, `skipped` were not taken, with the reason.

    Of these the first MOST_SKIPPED are kept; a last one says how many more there were.
    """

    def __init__(self, store: ObjectStore, folder: str, largest_file: int, most_bytes: int) -> None:
        self.files: list[NewFile] = []
        self._intake = Intake(store, folder, Limits(largest_file, most_bytes, MOST_ENTRIES))
        self._skipped: list[Skipped] = []
        self._more_skipped = 0
        self._digest = hashlib.sha256()

    def receive(self, body: IO[bytes], boundary: str) -> None:
        """Take every file of a multipart body. Raises BadUpload, StoreUnavailable."""
        found = False
        events = _events(body, boundary)
        with self._intake:
            for event in events:
                if isinstance(event, File):
                    found |= event.name == FIELD
                    self._take(event, events)
        if not found:
            raise BadUpload(f"send at least one file in the multipart field {FIELD!r}")

    @property
    def skipped(self) -> list[Skipped]:
        """What was not taken, in order."""
        if not self._more_skipped:
            return self._skipped
        return [*self._skipped, Skipped("...", f"{self._more_skipped:,} more files were not taken")]

    def digest(self) -> str:
        """What was sent, in one sha256: names and contents in order."""
        return self._digest.hexdigest()

    def _take(self, part: File, events: Iterator[Event]) -> None:
        # What is not read of a part, for it is too large or not wanted, is passed over on the way to the next one.
        if part.name != FIELD:
            self._add(Skipped(shown(part.filename), f"sent in field {part.name!r}, not in {FIELD!r}"))
        elif opens(part.filename):
            self._unpack(part.filename, events)
        else:
            self._add(self._intake.file(part.filename, _content(events)))

    def _unpack(self, raw: str, events: Iterator[Event]) -> None:
        with tempfile.TemporaryFile() as spool:
            for chunk in _content(events):
                spool.write(chunk)
            for entry in self._intake.archive(raw, spool):
                self._add(entry)

    def _add(self, entry: NewFile | Skipped | None) -> None:
        if isinstance(entry, NewFile):
            self.files.append(entry)
            self._digest.update(f"{entry.sha256} {entry.name}\n".encode())
        elif entry is not None:
            self._digest.update(f"skipped {entry.name}\n".encode())
            if len(self._skipped) < MOST_SKIPPED:
                self._skipped.append(entry)
            else:
                self._more_skipped += 1


def _events(body: IO[bytes], boundary: str) -> Iterator[Event]:
    """The parts of a multipart body as they arrive. Raises BadUpload."""
    decoder = MultipartDecoder(boundary.encode())
    try:
        while True:
            data = body.read(_READ_BYTES)
            decoder.receive_data(data or None)
            event = decoder.next_event()
            while not isinstance(event, NeedData):
                if isinstance(event, Epilogue):
                    return
                yield event
                event = decoder.next_event()
            if len(decoder.buffer) > _READ_BYTES + _HEADER_BYTES:
                raise ValueError(f"a part's headers are larger than {_HEADER_BYTES:,} bytes")
    except ValueError as error:
        raise BadUpload(f"the multipart body is broken: {error}") from error


def _content(events: Iterator[Event]) -> Iterator[bytes]:
    """The content of the part whose beginning was the last of `events`."""
    for event in events:
        if isinstance(event, Data):
            yield event.data
            if not event.more_data:
                return
