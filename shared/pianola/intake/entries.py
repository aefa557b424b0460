"""What an archive holds, and how much of it one intake takes: names, sizes and numbers that a bomb runs into."""

from dataclasses import dataclass

from pianola.intake.names import UnusableName, clean, is_archive, is_hidden, is_midi, shown


@dataclass(frozen=True)
class Taken:
    """A MIDI file of an archive."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Skipped:
    """A file that is not taken, and why."""

    name: str
    reason: str


class Unread(Skipped):
    """An archive that cannot be read, or not to its end: files may be missing."""


@dataclass(frozen=True)
class Limits:
    """Of what comes in at once: bytes of one file, bytes of all files together, number of files and archive entries."""

    file_bytes: int
    total_bytes: int
    entries: int


class Room:
    """What is left of the limits. Whatever is unpacked takes its bytes, whether it is kept or not."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.entries = limits.entries
        self._bytes = limits.total_bytes

    def entry(self) -> bool:
        """One more entry; False when there is no room for it."""
        self.entries -= 1
        return self.entries >= 0

    def objection(self, size: int) -> str | None:
        """Why a file of `size` bytes is not taken."""
        if size > self.limits.file_bytes:
            return f"it is larger than {self.limits.file_bytes:,} bytes"
        if size > self._bytes:
            most = f"{self.limits.total_bytes:,} bytes, unpacked"
            return f"with those before it, it is larger than one may send at once: {most}"
        return None

    def take(self, size: int) -> None:
        """`size` bytes less are left."""
        self._bytes -= size

    def full(self) -> str:
        """The reason for what is left behind once there is no room for another entry."""
        return f"more than {self.limits.entries:,} files came at once: the rest is not read"


def judge_name(raw: str) -> str | Skipped | None:
    """The name under which an archive's entry is kept, or why it is not.

    None for what the system that packed the archive left behind, which is passed over in silence.
    """
    try:
        name = clean(raw)
    except UnusableName as error:
        return Skipped(shown(raw), str(error))
    if is_hidden(name):
        return None
    if is_archive(name):
        return Skipped(name, "an archive inside an archive is not opened")
    if not is_midi(name):
        return Skipped(name, "not a MIDI file by its name")
    return name
