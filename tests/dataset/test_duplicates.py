"""Duplicates against the plainest way to find them, and in real files against slightly changed copies."""

import json
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import corpus
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pianola.codec.options import PRESETS
from pianola.codec.roll import Note, decode_notes
from pianola.codec.verdict import judge
from pianola.codec.windows import unpack
from pianola.codec.writer import MidiOptions, write_midi
from pianola.dataset import near as near_files
from pianola.dataset import spool
from pianola.dataset.duplicates import Duplicates, find_duplicates
from pianola.dataset.fingerprints import SKETCH, Fingerprints, Sketches, fingerprint
from pianola.dataset.manifest import kept_mask

PIANO: Final = PRESETS["piano"]
MUSIC: Final = ("small", "medium", "large")


def chunk(windows: Sequence[Sequence[int]], first: int = 0, sketches: Sequence[Sequence[int]] = ()) -> Fingerprints:
    """Files with windows, each known by a number, from position 10 * `first` on."""
    keys = np.zeros((sum(map(len, windows)), 2), np.uint64)
    keys[:, 1] = [number for file in windows for number in file]
    keys[:, 0] = keys[:, 1] % 3
    files = 10 * (first + np.arange(len(windows), dtype=np.int32))
    counts = np.array([len(file) for file in windows], np.int32)
    return Fingerprints(
        keys.view(np.uint8).reshape(-1, 16), files, counts, np.array(sketches, np.uint32).reshape(-1, SKETCH)
    )


def found_in(
    chunks: Iterable[Fingerprints], windows: int, folder: Path, near: bool = False
) -> tuple[list[bool], Duplicates]:
    folder.mkdir(exist_ok=True)
    found = find_duplicates(chunks, windows, folder, near)
    kept = [True] * windows if found.kept is None else kept_mask(found.kept, windows).tolist()
    assert found.windows == kept.count(False)
    return kept, found


def first_of_each(numbers: Iterable[int]) -> list[bool]:
    seen: set[int] = set()
    return [not (number in seen or seen.add(number)) for number in numbers]  # type: ignore[func-returns-value]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=5), max_size=12),
    cut=st.integers(0, 12),
    at_once=st.sampled_from([1, 2, 4, 1000]),
)
def test_of_identical_windows_the_first_is_kept(
    files: list[list[int]], cut: int, at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "AT_ONCE", at_once)
    chunks = [chunk(files[:cut]), chunk(files[cut:], cut)]
    numbers = [number for file in files for number in file]
    kept, found = found_in(chunks, len(numbers), tmp_path)
    assert kept == first_of_each(numbers)
    assert (found.kept is None, found.near) == (all(kept), None)


def test_128_bits_decide_and_not_the_first_64(tmp_path: Path) -> None:
    # In `chunk` the first half of a key is the number modulo 3.
    assert found_in([chunk([[0, 3, 6], [3, 9]])], 5, tmp_path)[0] == [True, True, True, False, True]


def sketch_like(base: Sketches, places: int, seed: int) -> list[int]:
    """A sketch that differs from `base` in so many places."""
    changed = base.copy()
    at = np.random.default_rng(seed).choice(SKETCH, places, replace=False)
    changed[at] += 1
    found: list[int] = changed.tolist()
    return found


@pytest.mark.parametrize("at_once", [1, 3, 1000])
def test_a_file_left_out_takes_its_windows_with_it_and_holds_back_nobodys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(spool, "AT_ONCE", at_once)
    base, other = np.random.default_rng(0).integers(0, 2**32 - 1, (2, SKETCH), np.uint32)
    sketches = [base.tolist(), other.tolist(), sketch_like(base, 5, 1), sketch_like(base, 7, 2), other.tolist()]
    # Window 8 is in the file that is left out and, later, in one that is not; that one keeps it.
    files = [[1, 2], [3], [2, 8], [8, 4], [5]]
    kept, found = found_in(
        [chunk(files[:2], 0, sketches[:2]), chunk(files[2:], 2, sketches[2:])], 8, tmp_path, near=True
    )
    assert kept == [True, True, True, False, False, True, True, False]
    assert found.near is not None
    assert (found.near.files.tolist(), found.near.kept.tolist()) == ([20, 40], [0, 10])
    assert found.near.similarity.tolist() == [pytest.approx(59 / 64), 1]
    assert json.loads(found.near.to_bytes()) == {"files": [20, 40], "kept": [0, 10], "similarity": [59 / 64, 1]}


def stored(sketches: Sketches, folder: Path) -> near_files.SketchFile:
    file = near_files.SketchFile(folder / "sketches")
    file.append(sketches)
    return file


def greedy(sketches: Sketches) -> dict[int, int]:
    """For each file left out the one kept instead, every pair looked at."""
    instead: dict[int, int] = {}
    for file in range(len(sketches)):
        for before in range(file):
            if before not in instead and (sketches[file] == sketches[before]).mean() >= near_files.SIMILAR:
                instead[file] = before
                break
    return instead


@pytest.mark.parametrize(("seed", "at_once"), [(0, 7), (1, 50), (2, 1000)])
def test_files_are_left_out_as_if_every_pair_were_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, at_once: int
) -> None:
    monkeypatch.setattr(spool, "AT_ONCE", at_once)
    monkeypatch.setattr(near_files, "_FILES_OF_PAIRS", 32)
    random = np.random.default_rng(seed)
    bases = random.integers(0, 2**32 - 1, (12, SKETCH), np.uint32)
    sketches = bases[random.integers(0, 12, 200)]
    for row in sketches:
        row[random.choice(SKETCH, random.integers(0, 9), replace=False)] += np.uint32(random.integers(1, 3))
    kept, similarity = near_files.find_near(stored(sketches, tmp_path), tmp_path)
    found = {file: before for file, before in enumerate(kept.tolist()) if before >= 0}
    assert found == greedy(sketches)
    assert all(
        similarity[file] == pytest.approx((sketches[file] == sketches[before]).mean()) for file, before in found.items()
    )


def test_sketches_are_asked_for_where_they_are_missing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="these chunks have none"):
        find_duplicates([chunk([[1]])], 1, tmp_path, near=True)


def test_another_number_of_windows_than_promised_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the chunks have 1 windows, and 2 were promised"):
        find_duplicates([chunk([[1]])], 2, tmp_path, near=False)


def test_a_dataset_without_windows_has_no_duplicates(tmp_path: Path) -> None:
    found = find_duplicates([], 0, tmp_path, near=True)
    assert (found.kept, found.windows, found.near is not None and len(found.near)) == (None, 0, 0)


@pytest.mark.slow
def test_five_million_windows_are_searched_in_bounded_memory(tmp_path: Path) -> None:
    files, each, chunks = 1000, 50, 100
    twice = files * each // 10

    def made() -> Iterator[Fingerprints]:
        last = np.zeros((0, 16), np.uint8)
        for number in range(chunks):
            random = np.random.default_rng(number)
            windows = random.integers(0, 256, (files * each, 16), np.uint8)
            # A tenth of every chunk but the first was there in the chunk before.
            windows[: len(last)] = last
            last = windows[-twice:].copy()
            places = np.arange(number * files, (number + 1) * files, dtype=np.int32)
            sketches = random.integers(0, 2**32 - 1, (files, SKETCH), np.uint32)
            yield Fingerprints(windows, places, np.full(files, each, np.int32), sketches)

    tracemalloc.start()
    found = find_duplicates(made(), files * each * chunks, tmp_path, near=True)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.windows == (chunks - 1) * twice
    assert found.near is not None
    assert len(found.near) == 0
    assert peak < 150 * 2**20


def test_the_same_window_a_million_times_takes_no_more(tmp_path: Path) -> None:
    windows = 2**21
    same = Fingerprints(
        np.ones((windows // 8, 16), np.uint8),
        np.arange(1, dtype=np.int32),
        np.array([windows // 8], np.int32),
        np.zeros((0, SKETCH), np.uint32),
    )
    tracemalloc.start()
    found = find_duplicates([same] * 8, windows, tmp_path, near=False)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.windows == windows - 1
    assert peak < 150 * 2**20


def test_a_hundred_thousand_copies_of_one_file_are_found_in_time_that_grows_with_them(tmp_path: Path) -> None:
    sketches = stored(np.zeros((100_000, SKETCH), np.uint32), tmp_path)
    kept, _ = near_files.find_near(sketches, tmp_path)
    assert kept[0] == -1
    assert not kept[1:].any()


def sketched(files: Iterable[bytes]) -> list[Fingerprints]:
    return [fingerprint(position, judge(data, PIANO)[1], sketched=True) for position, data in enumerate(files)]


def test_different_pieces_of_real_music_are_all_kept(tmp_path: Path) -> None:
    files = [path.read_bytes() for name in MUSIC for path in corpus.midi_files(name)]
    files = list(dict.fromkeys(files))
    parts = sketched(files)
    _, found = found_in(parts, sum(len(part.windows) for part in parts), tmp_path, near=True)
    assert found.near is not None
    assert found.near.files.tolist() == []


def notes_of(data: bytes) -> list[Note]:
    return decode_notes(unpack(judge(data, PIANO)[1].lit), PIANO.lowest_pitch)


def lacking_notes(data: bytes) -> bytes:
    """Three notes of a hundred missing at most, and never more than five."""
    notes = notes_of(data)
    missing = set(
        np.random.default_rng(0).choice(len(notes), max(1, min(5, len(notes) // 200)), replace=False).tolist()
    )
    return write_midi([note for at, note in enumerate(notes) if at not in missing])


def at_another_tempo(data: bytes) -> bytes:
    return write_midi(notes_of(data), MidiOptions(tempo=77))


def a_bar_cut_out(data: bytes) -> bytes:
    notes = notes_of(data)
    first = notes[len(notes) // 2].start // 48 * 48
    left = [note for note in notes if not first <= note.start < first + 48]
    return write_midi([note if note.start < first else Note(note.pitch, note.start - 48, note.length) for note in left])


def begun_later(data: bytes) -> bytes:
    return write_midi([Note(note.pitch, note.start + 31, note.length) for note in notes_of(data)])


def long_pieces() -> list[bytes]:
    """Real pieces of which a bar is a small part: some of those with 600 to 2,500 notes, or all one after another."""
    files = list(dict.fromkeys(path.read_bytes() for name in MUSIC for path in corpus.midi_files(name)))
    long = [data for data in files if 600 <= judge(data, PIANO)[0].notes < 2500]
    if long:
        return long[::8]
    notes: list[Note] = []
    for data in files:
        end = max((note.start + note.length for note in notes), default=0)
        notes += [Note(note.pitch, end + note.start, note.length) for note in notes_of(data)]
    return [write_midi(notes)]


@pytest.mark.parametrize("change", [lacking_notes, at_another_tempo, a_bar_cut_out, begun_later])
def test_slightly_changed_copies_of_real_files_are_found(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    originals = long_pieces()
    count = len(originals)
    parts = sketched([*originals, *map(change, originals)])
    _, found = found_in(parts, sum(len(part.windows) for part in parts), tmp_path, near=True)
    assert found.near is not None
    pairs = dict(zip(found.near.files.tolist(), found.near.kept.tolist(), strict=True))
    # Nothing but copies is left out, each for its own original.
    assert all(kept == file - count for file, kept in pairs.items())
    assert len(pairs) >= 0.95 * count
