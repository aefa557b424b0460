"""Real music for tests: the data sets, or, where they are not, a few chorales that music21 carries."""

import functools
import os
import tempfile
import warnings
from pathlib import Path

_CHORALES = ("bwv66.6", "bwv253", "bwv255", "bwv260", "bwv269")
_STAND_IN = "the data sets are not here (set PIANOLA_DATA): testing on {} Bach chorales of music21 instead"


def has_data(name: str) -> bool:
    """Whether the data set `name` (small, medium, large, dirty) is there."""
    return (_data() / name).is_dir()


def data_folder(name: str) -> Path:
    """The folder of the data set `name`, or, with a warning, one of chorales as MIDI files."""
    return _data() / name if has_data(name) else chorales()


def midi_files(name: str) -> list[Path]:
    """The files of the data set `name`, or of what stands in for it, in order."""
    return sorted(data_folder(name).rglob("*.mid"))


@functools.cache
def chorales() -> Path:
    """A folder with chorales from music21's own corpus, written once a session."""
    warnings.warn(_STAND_IN.format(len(_CHORALES)), stacklevel=3)
    from music21 import corpus  # seconds to import, and only needed where the data sets are not

    folder = Path(_folder().name)
    for name in _CHORALES:
        corpus.parse(f"bach/{name}").write("midi", fp=folder / f"{name}.mid")
    return folder


@functools.cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    # Kept by the cache until the interpreter ends, and removed with it.
    return tempfile.TemporaryDirectory(prefix="pianola-chorales-")


def _data() -> Path:
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("PIANOLA_DATA", default))
