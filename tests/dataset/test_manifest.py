import dataclasses
import hashlib
import json

import numpy as np
import pytest

from pianola.codec.options import PRESETS
from pianola.codec.verdict import Verdict
from pianola.dataset.manifest import (
    BadManifest,
    Manifest,
    kept_mask,
    manifest_bytes,
    manifest_digest,
    read_manifest,
)
from pianola.dataset.options import dataset_options
from pianola.dataset.report import BadPage, FileReport, PageEntry, page_bytes, read_page
from pianola.dataset.shards import ShardEntry


def manifest() -> Manifest:
    return Manifest(
        codec=2,
        options=dataset_options("piano", {"held_out": 0.2, "duplicates": "windows"}),
        files=3,
        accepted=2,
        notes=17,
        windows=5,
        held_out=2,
        labels={"composer": ("Bach", "Dvořák")},
        shards=(ShardEntry("a" * 64, 4, 0, 0), ShardEntry("b" * 64, 3, 2, 2)),
        report=(PageEntry("c" * 64, 0, 2),),
        kept="d" * 64,
    )


def test_a_manifest_and_back() -> None:
    assert read_manifest(manifest_bytes(manifest())) == manifest()
    assert manifest().stored == 7


def test_a_manifest_is_canonical_json_and_its_digest_that_of_its_bytes() -> None:
    data = manifest_bytes(manifest())
    assert data == json.dumps(json.loads(data), sort_keys=True, separators=(",", ":")).encode()
    assert manifest_digest(manifest()) == hashlib.sha256(data).hexdigest()


def test_a_manifest_stays_small_whatever_the_number_of_files() -> None:
    large = dataclasses.replace(
        manifest(),
        files=1_000_000,
        accepted=1_000_000,
        shards=tuple(ShardEntry(f"{number:064x}", 7000, number, number) for number in range(1000)),
        report=tuple(PageEntry(f"{number:064x}", number, number) for number in range(1000)),
    )
    assert len(manifest_bytes(large)) < 300_000


def test_the_digest_changes_with_all_that_a_manifest_says() -> None:
    one = manifest()
    others = [
        dataclasses.replace(one, codec=3),
        dataclasses.replace(one, options=dataset_options("piano", {"held_out": 0.2, "held_out_seed": 1})),
        dataclasses.replace(one, notes=18),
        dataclasses.replace(one, labels={"composer": ("Bach", "Haydn")}),
        dataclasses.replace(one, shards=(dataclasses.replace(one.shards[0], sha256="0" * 64), one.shards[1])),
        dataclasses.replace(one, report=(PageEntry("e" * 64, 0, 2),)),
        dataclasses.replace(one, kept="e" * 64),
        dataclasses.replace(one, duplicates="e" * 64),
    ]
    assert len({manifest_digest(each) for each in (one, *others)}) == len(others) + 1


def test_counts_that_do_not_add_up_are_no_manifest() -> None:
    with pytest.raises(BadManifest, match="5 windows are kept of 7 in the shards"):
        dataclasses.replace(manifest(), kept=None)
    with pytest.raises(BadManifest, match="8 windows are kept of 7 in the shards"):
        dataclasses.replace(manifest(), windows=8)
    with pytest.raises(BadManifest, match="4 files are accepted of 3"):
        dataclasses.replace(manifest(), accepted=4)
    with pytest.raises(BadManifest, match="6 windows are held out of 5"):
        dataclasses.replace(manifest(), held_out=6)


FORMAT_1 = {
    "format": 1,
    "options": PRESETS["thesis"].to_json(),
    "files": ["a" * 64, "b" * 64],
    "file_windows": [4, 0],
    "windows": 4,
    "notes": 9,
    "shards": [{"sha256": "a" * 64, "windows": 4, "files_from": 0, "files_to": 0}],
}


def test_a_manifest_of_format_1_is_read_as_far_as_training_needs_it() -> None:
    read = read_manifest(json.dumps(FORMAT_1).encode())
    assert read.options == dataset_options("thesis", {})
    assert (read.codec, read.files, read.accepted, read.windows, read.held_out, read.kept) == (1, 2, 1, 4, 0, None)
    assert read.shards == (ShardEntry("a" * 64, 4, 0, 0),)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 3},
        {"shards": [{"sha256": 1}]},
        {"shards": None},
        {"files": None},
        {"windows": "5"},
        {"labels": []},
        {"options": {"rounding": "up"}},
        {"report": [{}]},
        {"kept": 5},
    ],
)
def test_other_json_is_no_manifest(change: dict[str, object]) -> None:
    values = json.loads(manifest_bytes(manifest())) | change
    with pytest.raises(BadManifest):
        read_manifest(json.dumps(values).encode())


@pytest.mark.parametrize("change", [{"file_windows": None}, {"file_windows": [1, 2]}, {"shards": 1}, {"options": 2}])
def test_other_json_is_no_manifest_of_format_1(change: dict[str, object]) -> None:
    with pytest.raises(BadManifest):
        read_manifest(json.dumps(FORMAT_1 | change).encode())


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b"2"])
def test_other_bytes_are_no_manifest(data: bytes) -> None:
    with pytest.raises(BadManifest):
        read_manifest(data)


def test_the_bits_of_what_is_kept_begin_with_the_highest() -> None:
    mask = np.array([True, False, True, True, True, True, True, True, False, True])
    np.testing.assert_array_equal(kept_mask(np.packbits(mask).tobytes(), 10), mask)
    with pytest.raises(BadManifest, match="2 bytes cannot say which of 17 windows are kept"):
        kept_mask(b"ab", 17)


def lines() -> list[FileReport]:
    refused = Verdict(False, code="empty_file", offset=0, reason="The file is empty.")
    return [
        FileReport("Bach/1.mid", "a" * 64, 100, {"composer": "Bach"}, True, Verdict(True, 3, 40, {"percussion": 2})),
        FileReport("Dvořák/2.mid", "b" * 64, 0, {}, False, refused),
    ]


def test_a_page_of_the_report_and_back() -> None:
    data = page_bytes(lines())
    assert read_page(data) == lines()
    assert json.loads(data)[1]["code"] == "empty_file"


def test_a_pages_entry_and_back() -> None:
    entry = PageEntry("a" * 64, 7, 8)
    assert PageEntry.from_json(entry.to_json()) == entry
    assert entry.key == f"report/{'a' * 64}.json"


@pytest.mark.parametrize("data", [b"", b"{}x", b"[1]", b"[{}]", b"3"])
def test_other_bytes_are_no_page(data: bytes) -> None:
    with pytest.raises(BadPage):
        read_page(data)
