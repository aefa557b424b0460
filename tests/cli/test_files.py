from pathlib import Path

import pytest

from pianola_cli.files import MIDI_SUFFIXES, NothingToRead, SameName, batches, find_files


def write(path: Path, size: int = 4) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


def test_a_folder_gives_its_midi_files_by_name_with_their_folders(tmp_path: Path) -> None:
    for name in ("b.mid", "A/z.MIDI", "A/readme.txt", "karaoke.kar"):
        write(tmp_path / name)
    assert [file.name for file in find_files([tmp_path])] == ["A/z.MIDI", "b.mid", "karaoke.kar"]


def test_a_file_named_outright_is_taken_whatever_it_is_called(tmp_path: Path) -> None:
    assert [file.name for file in find_files([write(tmp_path / "song.dat")])] == ["song.dat"]


def test_zips_are_uploaded_but_not_inspected(tmp_path: Path) -> None:
    write(tmp_path / "a.zip")
    write(tmp_path / "b.mid")
    assert [file.name for file in find_files([tmp_path])] == ["a.zip", "b.mid"]
    assert [file.name for file in find_files([tmp_path], MIDI_SUFFIXES)] == ["b.mid"]


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    one, other = write(tmp_path / "one" / "1.mid"), write(tmp_path / "other" / "1.mid")
    with pytest.raises(SameName, match=r"both be called 1\.mid"):
        find_files([one, other])
    assert len(find_files([one, one])) == 1


@pytest.mark.parametrize(("name", "why"), [("gone", "no such file or folder"), ("empty", "no file in it ends in")])
def test_nothing_to_read_is_said(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingToRead, match=why):
        find_files([tmp_path / name])


def test_batches_hold_at_most_so_many_files_and_bytes(tmp_path: Path) -> None:
    sizes = [4, 4, 4, 30, 1, 1]
    files = find_files([write(tmp_path / f"{n}.mid", size) for n, size in enumerate(sizes)])
    found = [[file.path.stat().st_size for file in batch] for batch in batches(files, most_files=2, most_bytes=10)]
    assert found == [[4, 4], [4], [30], [1, 1]]
