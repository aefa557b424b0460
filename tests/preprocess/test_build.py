"""Building without Celery: what a chunk and a commit do to the records and the store."""

import hashlib
import tracemalloc

import pytest

from pianola.codec import shards
from pianola.codec.options import PRESETS
from pianola.codec.shards import read_manifest, read_shard
from pianola.codec.verdict import judge
from pianola.codec.windows import unpack
from pianola.objects import ObjectMissing
from pianola.objects.layout import file_key, shard_key
from pianola.records import datasets
from pianola.records.errors import DatasetClosed, NotFound
from pianola_preprocess.build import FileLost, build_chunk, commit_dataset

from .building import Workshop


def build(workshop: Workshop, dataset_id: str) -> None:
    """The whole build, chunk after chunk, as one worker does it."""
    for number in workshop.start(dataset_id):
        last = build_chunk(workshop.records, workshop.store, dataset_id, number)
    assert last
    commit_dataset(workshop.records, workshop.store, dataset_id)


def test_the_shards_hold_every_window_in_the_order_of_the_names(workshop: Workshop, music: dict[str, bytes]) -> None:
    dataset_id = workshop.upload("songs", {name: music[name] for name in reversed(music)})
    build(workshop, dataset_id)
    dataset = workshop.dataset(dataset_id)
    assert dataset.state == "built"
    assert dataset.manifest_key is not None
    stored = workshop.store.get(dataset.manifest_key)
    assert hashlib.sha256(stored).hexdigest() == dataset.digest
    manifest = read_manifest(stored)
    assert manifest.files == tuple(hashlib.sha256(music[name]).hexdigest() for name in sorted(music))
    held = [read_shard(workshop.store.get(shard_key(dataset_id, entry.sha256))) for entry in manifest.shards]
    for position, name in enumerate(sorted(music)):
        _, expected = judge(music[name], PRESETS["piano"])
        found = [unpack(shard.windows[shard.file == position]) for shard in held]
        assert sum(len(part) for part in found) == len(expected) == manifest.file_windows[position]
        assert b"".join(part.tobytes() for part in found) == unpack(expected.lit).tobytes()
    assert dataset.windows == manifest.windows == sum(file.windows for file in workshop.files(dataset_id))


def test_the_digest_is_the_contents_and_not_the_names(workshop: Workshop, music: dict[str, bytes]) -> None:
    first, second = workshop.upload("songs", music), workshop.upload("others", music)
    fewer = workshop.upload("fewer", dict(list(music.items())[1:]))
    thesis = workshop.upload("as the thesis did", music, "thesis")
    for dataset_id in (first, second, fewer, thesis):
        build(workshop, dataset_id)
    digests = [workshop.dataset(dataset_id).digest for dataset_id in (first, second, fewer, thesis)]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_every_chunk_may_be_built_twice(
    workshop: Workshop, music: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "CHUNK_FILES", 2)
    once, twice = workshop.upload("once", music), workshop.upload("twice", music)
    build(workshop, once)
    numbers = workshop.start(twice)
    assert len(numbers) > 1
    for number in [*numbers, *reversed(numbers)]:
        last = build_chunk(workshop.records, workshop.store, twice, number)
    assert last, "whoever finds nothing to do may be the one that has to ask for the commit"
    commit_dataset(workshop.records, workshop.store, twice)
    commit_dataset(workshop.records, workshop.store, twice)
    assert workshop.dataset(twice).digest == workshop.dataset(once).digest
    assert not build_chunk(workshop.records, workshop.store, twice, 0), "a built dataset needs no commit"


def test_an_early_commit_changes_nothing(
    workshop: Workshop, music: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "CHUNK_FILES", 2)
    dataset_id = workshop.upload("songs", music)
    numbers = workshop.start(dataset_id)
    assert not build_chunk(workshop.records, workshop.store, dataset_id, numbers[0])
    commit_dataset(workshop.records, workshop.store, dataset_id)
    assert workshop.dataset(dataset_id).state == "building"


def test_a_dataset_without_a_window_fails_and_can_be_mended(workshop: Workshop, music: dict[str, bytes]) -> None:
    dataset_id = workshop.upload("songs", {"a.mid": b"", "b.mid": b"no music"})
    build(workshop, dataset_id)
    dataset = workshop.dataset(dataset_id)
    assert dataset.state == "failed"
    assert dataset.error is not None
    assert "none of the 2 files gave a window" in dataset.error
    assert {file.code for file in workshop.files(dataset_id)} == {"empty_file", "not_midi"}
    workshop.add(dataset_id, music)
    build(workshop, dataset_id)
    assert workshop.dataset(dataset_id).state == "built"


def test_a_file_the_store_lost_is_named(workshop: Workshop, music: dict[str, bytes]) -> None:
    dataset_id = workshop.upload("songs", music)
    workshop.start(dataset_id)
    lost = workshop.files(dataset_id)[1]
    workshop.store.delete(file_key(dataset_id, lost.sha256))
    with pytest.raises(FileLost, match="upload it again") as missing:
        build_chunk(workshop.records, workshop.store, dataset_id, 0)
    assert missing.value.name == lost.name
    workshop.store.put(file_key(dataset_id, lost.sha256), b"other bytes")
    with pytest.raises(FileLost, match="sha256"):
        build_chunk(workshop.records, workshop.store, dataset_id, 0)
    assert workshop.dataset(dataset_id).state == "building"


def test_what_was_built_for_a_former_build_is_dropped(workshop: Workshop, music: dict[str, bytes]) -> None:
    """A slow worker that read its files before the build failed and the dataset was mended."""
    first, *others = music.items()
    dataset_id = workshop.upload("songs", dict(others))
    workshop.start(dataset_id)

    class MendedMeanwhile:
        """The store, which while it is read from sees the build fail and a file being added in front."""

        def __init__(self) -> None:
            self.mended = False

        def get(self, key: str) -> bytes:
            if not self.mended:
                self.mended = True
                with workshop.records.write() as session:
                    datasets.fail_build(session, dataset_id, "for the test")
                workshop.add(dataset_id, {f"0 {first[0]}": first[1]})
                workshop.start(dataset_id)
            return workshop.store.get(key)

        def __getattr__(self, name: str) -> object:
            return getattr(workshop.store, name)

    assert not build_chunk(workshop.records, MendedMeanwhile(), dataset_id, 0)  # type: ignore[arg-type]  # the rest is the store's own
    assert {file.verdict for file in workshop.files(dataset_id)} == {None}
    assert build_chunk(workshop.records, workshop.store, dataset_id, 0)
    commit_dataset(workshop.records, workshop.store, dataset_id)
    assert workshop.dataset(dataset_id).files_accepted == len(music)


def test_what_does_not_exist_or_has_ended_is_refused(workshop: Workshop, music: dict[str, bytes]) -> None:
    with pytest.raises(NotFound):
        build_chunk(workshop.records, workshop.store, "ds_none", 0)
    with pytest.raises(NotFound):
        commit_dataset(workshop.records, workshop.store, "ds_none")
    dataset_id = workshop.upload("songs", music)
    workshop.start(dataset_id)
    with workshop.records.write() as session:
        datasets.fail_build(session, dataset_id, "for the test")
    with pytest.raises(DatasetClosed):
        build_chunk(workshop.records, workshop.store, dataset_id, 0)
    with pytest.raises(ObjectMissing):
        workshop.store.get(shard_key(dataset_id, "0" * 64))


def test_memory_does_not_grow_with_the_dataset(
    workshop: Workshop, music: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty times the files in one chunk, in shards of 64 KiB: held are one file, one shard and the report."""
    monkeypatch.setattr(shards, "SHARD_BYTES", 2**16)
    monkeypatch.setattr(datasets, "CHUNK_BYTES", 2**30)
    few = workshop.upload("few", music)
    many = workshop.upload("many", {f"{copy:02} {name}": data for copy in range(20) for name, data in music.items()})
    peaks = []
    for dataset_id in (few, many):
        assert workshop.start(dataset_id) == [0]
        tracemalloc.start()
        build_chunk(workshop.records, workshop.store, dataset_id, 0)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    stored = sum(len(workshop.store.get(key)) for key in workshop.store.keys(f"datasets/{many}/shards/"))
    assert peaks[1] < peaks[0] + stored / 2
