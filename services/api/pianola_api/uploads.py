"""Files of a multipart request into the store: read as they arrive, one at a time, each under its sha256."""

import hashlib
import tempfile
from collections.abc import Iterator
from typing import IO, Final

from werkzeug.sansio.multipart import Data, Epilogue, Event, File, MultipartDecoder, NeedData

from pianola.intake.names import UnusableName, clean, is_hidden, is_midi, is_zip, shown
from pianola.intake.zips import Skipped, midi_files
from pianola.objects import ObjectStore
from pianola.objects.layout import file_key
from pianola.records.datasets import NewFile

FIELD: Final = "files"
_READ_BYTES: Final = 2**16
_HEADER_BYTES: Final = 2**16
"""of what is not a file's content: a part's headers, or a preamble without an end"""


class BadUpload(ValueError):
    """A body that is not a multipart form with files in it."""


class Upload:
    """What a request brings to a dataset: `files` are stored, `skipped` were not taken, each with its reason."""

    def __init__(self, store: ObjectStore, dataset_id: str, largest_file: int, most_bytes: int) -> None:
        self.files: list[NewFile] = []
        self.skipped: list[Skipped] = []
        self._store = store
        self._dataset_id = dataset_id
        self._largest_file = largest_file
        self._bytes_left = most_bytes
        self._stored: set[str] = set()

    def receive(self, body: IO[bytes], boundary: str) -> None:
        """Take every file of a multipart body. Raises BadUpload, StoreUnavailable."""
        found = False
        events = _events(body, boundary)
        for event in events:
            if not isinstance(event, File):
                continue
            if event.name != FIELD:
                self.skipped.append(Skipped(shown(event.filename), f"sent in field {event.name!r}, not in {FIELD!r}"))
                continue
            found = True
            if is_zip(event.filename):
                self._unpack(event.filename, events)
            else:
                self._take_part(event.filename, events)
        if not found:
            raise BadUpload(f"send at least one file in the multipart field {FIELD!r}")

    def digest(self) -> str:
        """What was sent, in one sha256: names and contents in order."""
        lines = [f"{file.sha256} {file.name}" for file in self.files]
        lines += [f"skipped {skipped.name}" for skipped in self.skipped]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def _take_part(self, raw: str, events: Iterator[Event]) -> None:
        data = bytearray()
        for chunk in _content(events):
            # The rest of a file that is too large is read and dropped, so that those behind it are reached.
            if len(data) <= self._largest_file:
                data += chunk
        try:
            name = clean(raw)
        except UnusableName as error:
            self.skipped.append(Skipped(shown(raw), str(error)))
            return
        in_folder = "/" in name
        if in_folder and is_hidden(name):
            return
        if in_folder and not is_midi(name):
            self.skipped.append(Skipped(name, "not a MIDI file by its name"))
        elif len(data) > self._largest_file:
            self.skipped.append(Skipped(name, f"it is larger than {self._largest_file:,} bytes"))
        else:
            self._keep(name, bytes(data))

    def _unpack(self, raw: str, events: Iterator[Event]) -> None:
        with tempfile.TemporaryFile() as spool:
            for chunk in _content(events):
                spool.write(chunk)
            for entry in midi_files(spool, shown(raw), self._largest_file):
                if isinstance(entry, Skipped):
                    self.skipped.append(entry)
                else:
                    self._keep(entry.name, entry.data)

    def _keep(self, name: str, data: bytes) -> None:
        if len(data) > self._bytes_left:
            self.skipped.append(Skipped(name, "the files of this request, unpacked, are larger than one may send"))
            return
        self._bytes_left -= len(data)
        sha256 = hashlib.sha256(data).hexdigest()
        key = file_key(self._dataset_id, sha256)
        if sha256 not in self._stored and not self._store.exists(key):
            self._store.put(key, data)
        self._stored.add(sha256)
        self.files.append(NewFile(name, sha256, len(data)))


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
