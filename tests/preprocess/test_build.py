"""Building without Celery: what a chunk and a commit do to the records and the store."""

import io
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image
from servers import wait_for

from pianola.codec.options import PRESETS, codec_options
from pianola.codec.verdict import judge
from pianola.dataset import shard_writer
from pianola.dataset.holdout import rank
from pianola.dataset.report import read_page
from pianola.objects import ObjectMissing
from pianola.objects.layout import file_key, page_key, shard_key
from pianola.records import builds, planning
from pianola.records.errors import DatasetClosed
from pianola_preprocess import chunk
from pianola_preprocess.chunk import OtherCodec, build_chunk
from pianola_preprocess.fetching import FileLost
from pianola_preprocess.heartbeat import Heartbeat
from pianola_preprocess.reading.reader import Reader

from .building import Workshop
from .readers import misbehaving


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with Reader() as reader:
        yield reader


def test_the_shards_hold_every_window_in_the_order_of_the_names(workshop: Workshop, music: dict[str, bytes]) -> None:
    options = codec_options("piano", {"velocity": True})
    dataset_id = workshop.upload("songs", {name: music[name] for name in reversed(music)}, velocity=True)
    dataset = workshop.build(dataset_id)
    assert dataset.state == "built"
    held = workshop.shards(dataset_id)
    for position, name in enumerate(sorted(music)):
        _, expected = judge(music[name], options)
        (shard,) = (shard for shard in held if position in shard.file)
        found = shard.rows(shard.file == position).as_windows()
        assert len(found) == len(expected) > 0
        for field in ("lit", "start", "tempo", "metre"):
            assert np.array_equal(getattr(found, field), getattr(expected, field)), field
        assert found.velocity is not None
        assert expected.velocity is not None
        assert np.array_equal(found.velocity.values, expected.velocity.values)
        assert np.array_equal(found.velocity.ends, expected.velocity.ends)
    assert dataset.windows == sum(len(shard) for shard in held) == workshop.manifest(dataset_id).windows
    for file in workshop.files(dataset_id):
        assert file.shard is not None
        assert file.row is not None
        (shard,) = (shard for shard in held if file.position in shard.file)
        assert shard.file[file.row] == file.position


def test_the_report_has_every_file(workshop: Workshop, music: dict[str, bytes], dirty: dict[str, bytes]) -> None:
    files = music | {f"dirty/{name}": data for name, data in dirty.items()}
    dataset_id = workshop.upload("songs", files)
    workshop.build(dataset_id)
    pages = [
        read_page(workshop.store.get(page_key(dataset_id, entry.sha256)))
        for entry in workshop.manifest(dataset_id).report
    ]
    lines = [line for page in pages for line in page]
    assert [line.name for line in lines] == sorted(files)
    for line in lines:
        assert line.verdict == judge(files[line.name], PRESETS["piano"])[0]
        assert line.size == len(files[line.name])


def test_the_digest_is_not_the_datasets_name(workshop: Workshop, music: dict[str, bytes]) -> None:
    first, second = workshop.upload("songs", music), workshop.upload("others", music)
    fewer = workshop.upload("fewer", dict(list(music.items())[1:]))
    thesis = workshop.upload("as the thesis did", music, "thesis")
    digests = [workshop.build(dataset_id).digest for dataset_id in (first, second, fewer, thesis)]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_every_chunk_may_be_built_twice(
    workshop: Workshop, music: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, reader: Reader
) -> None:
    monkeypatch.setattr(planning, "CHUNK_FILES", 2)
    once, twice = workshop.upload("once", music), workshop.upload("twice", music)
    expected = workshop.build(once).digest
    numbers = workshop.start(twice)
    assert len(numbers) > 1
    for number in [*numbers, *reversed(numbers)]:
        last = build_chunk(workshop.records, workshop.store, reader, twice, number)
    assert last, "whoever finds nothing to do may be the one that has to ask for the commit"
    workshop.commit(twice)
    workshop.commit(twice)
    assert workshop.dataset(twice).digest == expected
    assert not build_chunk(workshop.records, workshop.store, reader, twice, 0), "a built dataset needs no commit"


def test_an_early_commit_changes_nothing(
    workshop: Workshop, music: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, reader: Reader
) -> None:
    monkeypatch.setattr(planning, "CHUNK_FILES", 2)
    dataset_id = workshop.upload("songs", music)
    numbers = workshop.start(dataset_id)
    assert not build_chunk(workshop.records, workshop.store, reader, dataset_id, numbers[0])
    workshop.commit(dataset_id)
    assert workshop.dataset(dataset_id).state == "building"


def test_a_dataset_without_a_window_fails_and_can_be_mended(workshop: Workshop, music: dict[str, bytes]) -> None:
    dataset_id = workshop.upload("songs", {"a.mid": b"", "b.mid": b"no music"})
    dataset = workshop.build(dataset_id)
    assert dataset.state == "failed"
    assert dataset.error is not None
    assert "none of the 2 files gave a window" in dataset.error
    assert {file.code for file in workshop.files(dataset_id)} == {"empty_file", "not_midi"}
    workshop.add(dataset_id, music)
    assert workshop.build(dataset_id).state == "built"


def test_a_file_the_store_lost_is_named(workshop: Workshop, music: dict[str, bytes], reader: Reader) -> None:
    dataset_id = workshop.upload("songs", music)
    workshop.start(dataset_id)
    lost = workshop.files(dataset_id)[1]
    workshop.store.delete(file_key(dataset_id, lost.sha256))
    with pytest.raises(FileLost, match="upload it again") as missing:
        build_chunk(workshop.records, workshop.store, reader, dataset_id, 0)
    assert missing.value.name == lost.name
    workshop.store.put(file_key(dataset_id, lost.sha256), b"other bytes")
    with pytest.raises(FileLost, match="sha256"):
        build_chunk(workshop.records, workshop.store, reader, dataset_id, 0)
    assert workshop.dataset(dataset_id).state == "building"


def test_what_was_built_for_a_former_build_is_dropped(
    workshop: Workshop, music: dict[str, bytes], reader: Reader
) -> None:
    """A slow worker that read its files before the build failed and the dataset was mended."""
    first, *others = music.items()
    dataset_id = workshop.upload("songs", dict(others))
    workshop.start(dataset_id)

    class MendedMeanwhile:
        """The store, which while it is written to sees the build fail and a file being added in front."""

        def __init__(self) -> None:
            self.mended = False

        def put(self, key: str, data: bytes) -> None:
            if not self.mended:
                self.mended = True
                with workshop.records.write() as session:
                    builds.fail_build(session, dataset_id, "for the test")
                workshop.add(dataset_id, {f"0 {first[0]}": first[1]})
                workshop.start(dataset_id)
            workshop.store.put(key, data)

        def __getattr__(self, name: str) -> object:
            return getattr(workshop.store, name)

    with pytest.raises(DatasetClosed):
        build_chunk(workshop.records, MendedMeanwhile(), reader, dataset_id, 0)  # type: ignore[arg-type]  # the rest is the store's own
    assert {file.verdict for file in workshop.files(dataset_id)} == {None}
    assert build_chunk(workshop.records, workshop.store, reader, dataset_id, 0)
    workshop.commit(dataset_id)
    assert workshop.dataset(dataset_id).files_accepted == len(music)


def test_a_file_that_ends_the_reader_is_refused_and_its_chunk_goes_on(
    workshop: Workshop, music: dict[str, bytes], reader: Reader
) -> None:
    """It keeps its code for this dataset; the next version, perhaps with a mended reader, tries it again."""
    files = music | {"m middle.mid": b"bad" + next(iter(music.values()))}
    digests = []
    for name in ("one", "another"):
        dataset_id = workshop.upload(name, files)
        workshop.start(dataset_id)
        with Reader(misbehaving("os.kill(os.getpid(), signal.SIGSEGV)")) as fragile:
            assert build_chunk(workshop.records, workshop.store, fragile, dataset_id, 0)
        workshop.commit(dataset_id)
        codes = {file.name: file.code for file in workshop.files(dataset_id) if file.code}
        assert codes == {"m middle.mid": "reader_crashed"}
        assert workshop.dataset(dataset_id).files_accepted == len(music)
        digests.append(workshop.dataset(dataset_id).digest)
    assert digests[0] == digests[1]
    version = workshop.next_version(dataset_id, {})
    workshop.start(version)
    assert build_chunk(workshop.records, workshop.store, reader, version, 0)
    assert {file.name: file.code for file in workshop.files(version) if file.code} == {"m middle.mid": "not_midi"}


def test_a_worker_with_another_codec_builds_nothing(
    workshop: Workshop, music: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, reader: Reader
) -> None:
    dataset_id = workshop.upload("songs", music)
    workshop.start(dataset_id)
    monkeypatch.setattr(chunk, "CODEC_REVISION", 999)
    with pytest.raises(OtherCodec, match="this worker has 999: run the same release"):
        build_chunk(workshop.records, workshop.store, reader, dataset_id, 0)


def test_a_heartbeat_keeps_the_chunk_and_hears_when_its_build_has_ended(
    workshop: Workshop, music: dict[str, bytes]
) -> None:
    dataset_id = workshop.upload("songs", music)
    workshop.start(dataset_id)
    with workshop.records.write() as session:
        work = builds.begin_chunk(session, dataset_id, 0)
    assert work is not None
    workshop.let_pass(dataset_id, 60)
    former = workshop.chunks(dataset_id)[0].lease_until
    with Heartbeat(
        workshop.records, lambda session: builds.heartbeat(session, dataset_id, work.build, 0), seconds=0.02
    ) as heartbeat:
        wait_for(lambda: workshop.chunks(dataset_id)[0].lease_until != former, 10, "a heartbeat")
        heartbeat.check()
        with workshop.records.write() as session:
            builds.fail_build(session, dataset_id, "for the test")

        def ended() -> bool:
            try:
                heartbeat.check()
            except DatasetClosed:
                return True
            return False

        wait_for(ended, 10, "the next heartbeat")


def test_memory_does_not_grow_with_the_chunk(
    workshop: Workshop, music: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, reader: Reader
) -> None:
    """Twenty times the files in one chunk, in shards of 64 KiB: held are its files, one shard and the report."""
    monkeypatch.setattr(shard_writer, "SHARD_BYTES", 2**16)
    few = workshop.upload("few", music)
    many = workshop.upload("many", {f"{copy:02} {name}": data for copy in range(20) for name, data in music.items()})
    peaks = []
    for dataset_id in (few, many):
        assert workshop.start(dataset_id) == [0]
        tracemalloc.start()
        build_chunk(workshop.records, workshop.store, reader, dataset_id, 0)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    files = sum(map(len, music.values())) * 20
    stored = sum(len(workshop.store.get(key)) for key in workshop.store.keys(f"datasets/{many}/shards/"))
    assert peaks[1] < peaks[0] + files + stored / 2


def test_what_does_not_exist_or_has_ended_is_dropped(
    workshop: Workshop, music: dict[str, bytes], reader: Reader
) -> None:
    assert not build_chunk(workshop.records, workshop.store, reader, "ds_none", 0)
    workshop.commit("ds_none")
    dataset_id = workshop.upload("songs", music)
    workshop.start(dataset_id)
    with workshop.records.write() as session:
        builds.fail_build(session, dataset_id, "for the test")
    assert not build_chunk(workshop.records, workshop.store, reader, dataset_id, 0)
    workshop.commit(dataset_id)
    assert workshop.dataset(dataset_id).state == "failed"
    with pytest.raises(ObjectMissing):
        workshop.store.get(shard_key(dataset_id, "0" * 64))


def test_held_out_files_and_labels_are_in_the_shards(workshop: Workshop, music: dict[str, bytes]) -> None:
    files = {
        f"{'ragtime' if number % 2 else 'waltz'}/{name}": data for number, (name, data) in enumerate(music.items())
    }
    options: dict[str, Any] = {"held_out": 0.3, "held_out_seed": 7, "folder_labels": ["genre"]}
    dataset_id = workshop.upload("songs", files, **options)
    dataset = workshop.build(dataset_id)
    assert dataset.labels == {"genre": ["ragtime", "waltz"]}
    by_position = {file.position: file for file in workshop.files(dataset_id)}
    assert 0 < sum(file.held_out for file in by_position.values()) < len(files)
    shares = {file.sha256: rank(file.sha256, 7) for file in by_position.values()}
    assert max(shares[f.sha256] for f in by_position.values() if f.held_out) < min(
        shares[f.sha256] for f in by_position.values() if not f.held_out
    )
    held_out = 0
    for shard in workshop.shards(dataset_id):
        for position, out, labels in zip(shard.file, shard.held_out, shard.labels, strict=True):
            file = by_position[int(position)]
            assert out == file.held_out
            assert labels.tolist() == [["ragtime", "waltz"].index(file.name.split("/")[0])]
        held_out += int(shard.held_out.sum())
    assert held_out == dataset.windows_held_out == workshop.manifest(dataset_id).held_out


def test_duplicates_are_left_out_and_named(workshop: Workshop, music: dict[str, bytes]) -> None:
    names = sorted(music)
    files = music | {f"zz copy of {names[0]}": music[names[0]]}
    kept = workshop.build(workshop.upload("all", files))
    only = workshop.build(workshop.upload("once", music))
    assert kept.duplicates is None
    for duplicates, dropped_files in (("windows", 0), ("files", 1)):
        dataset_id = workshop.upload(duplicates, files, duplicates=duplicates)
        dataset = workshop.build(dataset_id)
        assert dataset.duplicates is not None
        assert dataset.duplicates["files"] == dropped_files
        assert dataset.windows + dataset.duplicates["windows"] == kept.windows
        assert dataset.windows <= only.windows
        manifest = workshop.manifest(dataset_id)
        assert (manifest.stored, manifest.windows) == (kept.windows, dataset.windows)
        assert manifest.kept is not None
        assert dataset.statistics_key is not None
        assert json.loads(workshop.store.get(dataset.statistics_key))["windows"] == dataset.windows
        copies = {file.name: file.duplicate_of for file in workshop.files(dataset_id) if file.duplicate_of}
        assert copies == ({f"zz copy of {names[0]}": names[0]} if dropped_files else {})


def test_a_built_dataset_says_and_shows_what_it_is(workshop: Workshop, music: dict[str, bytes]) -> None:
    dataset = workshop.build(workshop.upload("songs", music))
    assert dataset.statistics_key is not None
    assert dataset.contact_sheet_key is not None
    statistics = json.loads(workshop.store.get(dataset.statistics_key))
    assert statistics["windows"] == dataset.windows
    assert statistics["files"]["accepted"] == len(music)
    assert sum(statistics["note_frequency"]) == pytest.approx(1)
    with Image.open(io.BytesIO(workshop.store.get(dataset.contact_sheet_key))) as sheet:
        rolls = min(24, dataset.windows)
        assert sheet.format == "PNG"
        assert sheet.width == 8 + min(6, rolls) * 200


def test_a_version_reuses_what_is_unchanged_and_has_the_digest_of_a_build_from_nothing(
    workshop: Workshop, music: dict[str, bytes], dirty: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that sort before, between and after; one that gets other content; with duplicates, labels, velocities."""
    monkeypatch.setattr(planning, "CHUNK_FILES", 16)
    options: dict[str, Any] = {"duplicates": "files", "velocity": True, "folder_labels": ["genre"], "held_out": 0.2}
    names = sorted(music)
    former = {f"m/{name}": music[name] for name in names[:4]} | {f"d/{name}": data for name, data in dirty.items()}
    added = {"a/first.mid": music[names[4]], f"m/{names[0]}b": music[names[5]], "z/last.mid": music[names[0]]}
    changed = {f"m/{names[1]}": music[names[5]]}
    first = workshop.upload("songs", former, **options)
    workshop.build(first)
    second = workshop.next_version(first, added | changed)
    version = workshop.build(second)
    assert version.state == "built"
    fresh = workshop.build(workshop.upload("from nothing", former | added | changed, **options))
    assert version.digest == fresh.digest
    assert fresh.files_reused == 0
    assert version.files_reused == len(former)  # the changed one is new, and one of the new ones is an old one's copy
    assert workshop.manifest(second).report == workshop.manifest(fresh.id).report


def test_a_version_reads_again_what_its_parents_store_lost(workshop: Workshop, music: dict[str, bytes]) -> None:
    first = workshop.upload("songs", music)
    expected = workshop.build(first).digest
    for entry in workshop.manifest(first).shards:
        workshop.store.delete(shard_key(first, entry.sha256))
    version = workshop.build(workshop.next_version(first, {}))
    assert (version.digest, version.files_reused) == (expected, 0)


def test_a_files_own_bytes_need_not_be_read_again_for_a_version(workshop: Workshop, music: dict[str, bytes]) -> None:
    first = workshop.upload("songs", music)
    expected = workshop.build(first).digest
    for key in list(workshop.store.keys(f"datasets/{first}/files/")):
        workshop.store.delete(key)
    version = workshop.build(workshop.next_version(first, {}))
    assert (version.digest, version.files_reused) == (expected, len(music))
