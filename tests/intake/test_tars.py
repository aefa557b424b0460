"""Tars: what is taken, and what a hostile one comes to."""

import gzip
import struct
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from packing import MIDI, entry, packed, taken, tarred, zipped

from pianola.intake import tars
from pianola.intake.entries import Limits
from pianola.objects import LocalStore
from pianola.objects.layout import file_key

MIXED: dict[str, bytes | tarfile.TarInfo] = {
    "one/a.mid": MIDI,
    "one/B.MID": MIDI + b"2",
    "one/notes.txt": b"x",
    "one/inner.zip": zipped({"x.mid": MIDI}),
    "one/inner.tar.gz": packed(tarred({"x.mid": MIDI})),
    "__MACOSX/one/._a.mid": b"fork",
    ".hidden.mid": b"x",
    "../../etc/passwd.mid": b"x",
    "/absolute.mid": MIDI,
    "folder": entry("folder.mid", tarfile.DIRTYPE),
    "link": entry("link.mid", tarfile.SYMTYPE, target="/etc/passwd"),
    "hard": entry("hard.mid", tarfile.LNKTYPE, target="one/a.mid"),
    "device": entry("device.mid", tarfile.CHRTYPE),
    "pipe": entry("pipe.mid", tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("style", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize("name", ["all.tar", "all.tar.gz", "all.tgz"])
def test_a_tar_gives_its_midi_files_and_says_why_not_the_rest(tmp_path: Path, name: str, style: int) -> None:
    data = tarred(MIXED, style)
    kept, skipped = taken(tmp_path, name, data if name.endswith(".tar") else packed(data))
    assert kept == ["one/a.mid", "one/B.MID", "absolute.mid"]
    assert skipped == {
        "one/notes.txt": "not a MIDI file by its name",
        "one/inner.zip": "an archive inside an archive is not opened",
        "one/inner.tar.gz": "an archive inside an archive is not opened",
        "../../etc/passwd.mid": "its name leaves the folder (..)",
        "link.mid": "it is a link, not a file",
        "hard.mid": "it is a link, not a file",
        "device.mid": "it is a device, not a file",
        "pipe.mid": "it is a device, not a file",
    }


def test_contents_are_kept_under_their_digest(tmp_path: Path) -> None:
    taken(tmp_path, "a.tar.gz", packed(tarred({"a.mid": MIDI, "b.mid": MIDI})))
    (key,) = LocalStore(tmp_path).keys("")
    assert LocalStore(tmp_path).get(key) == MIDI
    assert key == file_key("ds_test", key.rpartition("/")[2])


def test_long_and_foreign_names(tmp_path: Path) -> None:
    long = "x" * 200 + "/" + "y" * 200 + ".mid"
    for style in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        assert taken(tmp_path, "a.tar", tarred({long: MIDI, "ü.mid": MIDI}, style))[0] == [long, "ü.mid"]
    latin = tarred({"ab.mid": MIDI}, tarfile.USTAR_FORMAT).replace(b"ab.mid", "ü.mid".encode("latin-1") + b"\0")
    assert taken(tmp_path, "a.tar", _summed(latin))[0] == ["ü.mid"]


def test_an_empty_tar_gives_nothing(tmp_path: Path) -> None:
    assert taken(tmp_path, "a.tar", tarred({})) == ([], {})


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a readable tar"),
        (b"not a tar", "not a readable tar"),
        (b"\x1f\x8bnot gzip", "not a readable tar"),
        (packed(b"not a tar" * 100), "not a readable tar"),
        (tarred({"a.mid": MIDI})[:700], "end"),
        (tarred({"a.mid": MIDI})[:1024], "without an end mark"),
        (packed(tarred({"a.mid": MIDI, "b.mid": MIDI * 40}))[:-20], "not a readable tar"),
        (tarred({"a.mid": MIDI})[:1024] + b"x" * 1024, "damaged at byte 1,024"),
        (packed(tarred({"a.mid": MIDI}))[:-8] + b"\0" * 8, "CRC check failed"),
    ],
    ids=["empty", "text", "gzip", "gzipped text", "cut", "no end mark", "cut gzip", "garbage", "checksum"],
)
def test_bad_tars_are_named_and_what_came_before_is_taken(tmp_path: Path, data: bytes, reason: str) -> None:
    kept, skipped = taken(tmp_path, "bad.tar", data)
    assert set(kept) <= {"a.mid", "b.mid"}
    assert reason in skipped["bad.tar"]


def test_a_size_that_lies_is_found_out(tmp_path: Path) -> None:
    data = bytearray(tarred({"a.mid": MIDI}, tarfile.USTAR_FORMAT))
    data[124:136] = b"%011o\0" % 100_000
    kept, skipped = taken(tmp_path, "a.tar", _summed(bytes(data)))
    assert kept == []
    assert skipped["a.mid"] == "the archive ends in the middle of it"


def test_a_negative_size_does_not_turn_the_reader_back(tmp_path: Path) -> None:
    data = bytearray(tarred({"a.mid": MIDI}, tarfile.GNU_FORMAT))
    data[124:136] = b"\xff" + struct.pack(">11s", b"\xff" * 9 + struct.pack(">h", -1024))
    kept, skipped = taken(tmp_path, "a.tar", _summed(bytes(data)))
    assert (kept, len(skipped) > 0) == ([], True)


def test_a_file_too_large_is_passed_over_and_those_behind_it_are_taken(tmp_path: Path) -> None:
    limits = Limits(file_bytes=1000, total_bytes=2**20, entries=10)
    kept, skipped = taken(tmp_path, "a.tar", tarred({"large.mid": bytes(2000), "exact.mid": bytes(1000)}), limits)
    assert (kept, skipped) == (["exact.mid"], {"large.mid": "it is larger than 1,000 bytes"})


def test_more_entries_than_there_is_room_for_end_the_reading(tmp_path: Path) -> None:
    limits = Limits(file_bytes=1000, total_bytes=2**20, entries=3)
    kept, skipped = taken(tmp_path, "a.tar", tarred({f"{number}.mid": MIDI for number in range(9)}), limits)
    assert kept == ["0.mid", "1.mid", "2.mid"]
    assert skipped == {"a.tar": "more than 3 files came at once: the rest is not read"}


def test_the_unpacked_total_ends_the_reading(tmp_path: Path) -> None:
    limits = Limits(file_bytes=2**20, total_bytes=100_000, entries=1000)
    data = packed(tarred({f"{number}.txt": bytes(range(256)) * 40 for number in range(99)}))
    assert "larger than 100,000 bytes" in taken(tmp_path, "a.tar.gz", data, limits)[1]["a.tar.gz"]


def test_a_gzip_bomb_is_left_at_the_ratio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tars, "FREE_BYTES", 2**20)
    header = entry("big.wav", size=2**30).tobuf(tarfile.GNU_FORMAT)
    data = gzip.compress(header + bytes(2**25))
    kept, skipped = taken(tmp_path, "bomb.tgz", data, Limits(2**20, 2**40, 10))
    assert kept == []
    assert "200 times smaller" in skipped["bomb.tgz"]


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_headers_that_want_memory_do_not_get_it(tmp_path: Path, kind: bytes) -> None:
    size = 2**25
    data = packed(entry("name", kind, size=size).tobuf(tarfile.GNU_FORMAT) + b"a" * size)
    tracemalloc.start()
    try:
        kept, skipped = taken(tmp_path, "bomb.tgz", data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept == []
    assert "headers of one of its files are larger than" in skipped["bomb.tgz"]
    assert peak < 2**21


def test_headers_for_all_files_do_not_pile_up(tmp_path: Path) -> None:
    data = b"".join(
        tarfile.TarInfo.create_pax_global_header({f"k{number}": "v" * 1000}) + tarred({"a.mid": MIDI})[:1024]
        for number in range(200)
    )
    assert taken(tmp_path, "a.tar", data)[1] == {"a.tar": "it has more than 100 headers for all files"}


def test_a_chain_of_headers_ends_without_exhausting_the_stack(tmp_path: Path) -> None:
    link = entry("name", tarfile.GNUTYPE_LONGNAME, size=1).tobuf(tarfile.GNU_FORMAT) + b"a" * 512
    assert "headers" in taken(tmp_path, "a.tar", link * 5000)[1]["a.tar"]


def test_a_file_with_holes_is_not_read(tmp_path: Path) -> None:
    sparse = entry("a.mid", tarfile.GNUTYPE_SPARSE, size=0)
    kept, skipped = taken(tmp_path, "a.tar", tarred({"a.mid": sparse}, tarfile.GNU_FORMAT))
    assert kept == []
    assert "holes" in skipped["a.mid"]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path) -> None:
    few, many = (packed(tarred({f"{number}.txt": b"x" for number in range(count)})) for count in (100, 20_000))

    def peak(data: bytes) -> int:
        tracemalloc.start()
        try:
            taken(tmp_path, "a.tgz", data, Limits(2**20, 2**30, 10**6), place=lambda _: None)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    # 20,000 entries kept would be 30 MB. The interpreter's table of strings doubles now and then, in a process that has
    # run many tests by 8 MB.
    assert peak(many) < peak(few) + 2**24


def _summed(data: bytes) -> bytes:
    """The first header with its checksum set right (POSIX ustar: the sum of its bytes, the field itself as blanks)."""
    header = data[:148] + b" " * 8 + data[156:512]
    return data[:148] + b"%06o\0 " % sum(header) + data[156:]
