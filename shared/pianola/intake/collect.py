"""The one way by which files enter a dataset: from uploads and imports alike, each MIDI file under its sha256.

A few files are in memory, never an archive. Nothing is in the dataset before its rows are: what is stored and not
added lies under its digest until the next who brings it finds it there.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Self

from pianola.intake import tars, zips
from pianola.intake.entries import Limits, Room, Skipped, Taken, Unread
from pianola.intake.names import UnusableName, clean, is_hidden, is_midi, is_tar, is_zip, shown
from pianola.intake.putting import Putting
from pianola.objects import ObjectStore
from pianola.objects.layout import file_key
from pianola.records.datasets import NewFile

Place = Callable[[str], str | None]
"""From a name in an archive to the name in the dataset; None where the entry is none of it."""


def opens(name: str) -> bool:
    """Whether a file of this name is an archive that is opened."""
    return is_zip(name) or is_tar(name)


class Intake:
    """Keeps what comes in at once in a dataset's `folder` of the store, within `limits`.

    Used as a context: the files it names are stored once its block has ended. Leaving it raises StoreUnavailable where
    one of them could not be.
    """

    def __init__(self, store: ObjectStore, folder: str, limits: Limits) -> None:
        self.limits = limits
        self._folder = folder
        self._room = Room(limits)
        self._putting = Putting(store)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._putting.finish()
        finally:
            self._putting.close()

    def file(self, raw: str, chunks: Iterable[bytes]) -> NewFile | Skipped | None:
        """Keep the file `raw`, read from `chunks` only as far as it may be taken. Raises StoreUnavailable.

        One in a folder must have the name of a MIDI file, and is passed over in silence when it is hidden (None); one
        by itself is kept whatever it is called.
        """
        try:
            name = clean(raw)
        except UnusableName as error:
            return Skipped(shown(raw), str(error))
        if "/" in name and is_hidden(name):
            return None
        if "/" in name and not is_midi(name):
            return Skipped(name, "not a MIDI file by its name")
        if not self._room.entry():
            return Skipped(name, self._room.full())
        data = bytearray()
        for chunk in chunks:
            data += chunk
            if reason := self._room.objection(len(data)):
                return Skipped(name, reason)
        self._room.take(len(data))
        return self._keep(name, bytes(data))

    def archive(self, raw: str, stream: IO[bytes], place: Place = str) -> Iterator[NewFile | Skipped]:
        """Keep the MIDI files of the archive in `stream`, which can seek: a tar by its name, else a zip.

        `place` says where each goes. Raises StoreUnavailable.
        """
        unpack = tars.midi_files if is_tar(raw) else zips.midi_files
        for entry in unpack(stream, shown(raw), self._room):
            if isinstance(entry, Unread):
                yield entry
            elif (name := place(entry.name)) is None:
                continue
            elif isinstance(entry, Taken):
                yield self._keep(name, entry.data)
            else:
                yield Skipped(name, entry.reason)

    def _keep(self, name: str, data: bytes) -> NewFile:
        sha256 = hashlib.sha256(data).hexdigest()
        self._putting.put(file_key(self._folder, sha256), data)
        return NewFile(name, sha256, len(data))
