"""Datasets and builds, on both databases."""

import pytest

from pianola.records import Records, datasets
from pianola.records.errors import DatasetClosed, FileConflict, NameTaken, NotFound
from pianola.records.states import DatasetState

from .makers import built_dataset, expire


def new(records: Records, sizes: dict[str, int]) -> str:
    with records.write() as session:
        dataset = datasets.create(session, "songs", "piano", {"lowest_pitch": 17})
        files = [datasets.NewFile(name, name.ljust(64, "0"), size) for name, size in sizes.items()]
        assert datasets.add_files(session, dataset.id, files) == (len(files), 0)
        return dataset.id


def accepted(position: int) -> datasets.FileVerdict:
    return datasets.FileVerdict(position, True, 2, 10, {"percussion": 1}, ["w"], None, None, None)


def test_files_are_added_once_and_never_replaced(records: Records) -> None:
    dataset_id = new(records, {"a.mid": 1, "b.mid": 1})
    with records.write() as session:
        same = datasets.NewFile("a.mid", "a.mid".ljust(64, "0"), 1)
        assert datasets.add_files(session, dataset_id, [same, datasets.NewFile("c.mid", "c", 1)]) == (1, 1)
    with records.write() as session, pytest.raises(FileConflict, match=r"a\.mid"):
        datasets.add_files(session, dataset_id, [datasets.NewFile("a.mid", "other", 1)])
    with records.read() as session:
        assert datasets.get(session, "songs").files == 3


def test_chunks_follow_names_and_bounds(records: Records) -> None:
    big = datasets.CHUNK_BYTES
    dataset_id = new(records, {"c.mid": 10, "B.mid": big, "a.mid": big + 5, "d.mid": 10})
    with records.write() as session:
        assert datasets.start_build(session, dataset_id) == [0, 1, 2]
        names = [[f.name for f in datasets.chunk_files(session, dataset_id, n)] for n in range(3)]
    assert names == [["B.mid"], ["a.mid"], ["c.mid", "d.mid"]]


def test_a_chunk_delivered_twice_counts_once(records: Records) -> None:
    dataset_id = new(records, {"a.mid": datasets.CHUNK_BYTES, "b.mid": 1})
    with records.write() as session:
        assert datasets.start_build(session, dataset_id) == [0, 1]
        assert datasets.finish_chunk(session, dataset_id, 1, [accepted(1)], ["second"]) is False
        assert datasets.finish_chunk(session, dataset_id, 1, [accepted(1)], ["again"]) is False
        assert datasets.pending_chunks(session, dataset_id) == [0]
        assert datasets.finish_chunk(session, dataset_id, 0, [accepted(0)], ["first"]) is True
        assert datasets.chunk_files(session, dataset_id, 0) == []
        assert datasets.chunk_shards(session, dataset_id) == ["first", "second"]
        datasets.commit_build(session, dataset_id, "digest", "key")
        datasets.commit_build(session, dataset_id, "another", "key")
    with records.read() as session:
        dataset = datasets.get(session, dataset_id)
        assert (dataset.state, dataset.digest) == (DatasetState.BUILT, "digest")
        assert (dataset.files_accepted, dataset.windows, dataset.notes) == (2, 4, 20)
        report = datasets.files_page(session, dataset_id, 10, None, "accepted").rows
        assert [(row.name, row.left_out, row.warnings) for row in report] == [
            ("a.mid", {"percussion": 1}, ["w"]),
            ("b.mid", {"percussion": 1}, ["w"]),
        ]


def test_a_built_dataset_is_closed(records: Records) -> None:
    dataset_id = built_dataset(records, "closed")
    with records.write() as session, pytest.raises(DatasetClosed, match="is built"):
        datasets.add_files(session, dataset_id, [datasets.NewFile("x.mid", "x", 1)])
    with records.write() as session, pytest.raises(DatasetClosed, match="never changes"):
        datasets.start_build(session, dataset_id)
    with records.write() as session, pytest.raises(NameTaken, match="closed"):
        datasets.create(session, "closed", "piano", {})


def test_an_empty_dataset_is_not_built(records: Records) -> None:
    dataset_id = new(records, {})
    with records.write() as session, pytest.raises(DatasetClosed, match="add MIDI files"):
        datasets.start_build(session, dataset_id)
    with records.read() as session, pytest.raises(NotFound, match="'nothing'"):
        datasets.get(session, "nothing")


def test_a_failed_build_may_be_mended(records: Records) -> None:
    dataset_id = new(records, {"a.mid": 1})
    with records.write() as session:
        datasets.start_build(session, dataset_id)
        refused = datasets.FileVerdict(0, False, 0, 0, {}, [], "no_header", 0, "not MIDI")
        datasets.finish_chunk(session, dataset_id, 0, [refused], [])
        datasets.fail_build(session, dataset_id, "no file could be read")
    with records.write() as session:
        assert datasets.get(session, dataset_id).error == "no file could be read"
        datasets.add_files(session, dataset_id, [datasets.NewFile("b.mid", "b", 1)])
        assert datasets.start_build(session, dataset_id) == [0]
        assert [file.name for file in datasets.chunk_files(session, dataset_id, 0)] == ["a.mid", "b.mid"]


def test_builds_whose_tasks_are_lost_are_found(records: Records) -> None:
    dataset_id = new(records, {"a.mid": 1})
    with records.write() as session:
        datasets.start_build(session, dataset_id)
        assert datasets.stale_builds(session, 60) == []
    expire()
    with records.write() as session:
        assert datasets.stale_builds(session, 0.01) == [dataset_id]
        assert datasets.stale_builds(session, 60) == []


def test_pages_follow_cursors(records: Records) -> None:
    ids = [built_dataset(records, f"page {number}") for number in range(5)]
    seen: list[str] = []
    cursor = None
    with records.read() as session:
        while True:
            found = datasets.list_page(session, 2, cursor)
            seen += [dataset.id for dataset in found.rows]
            if (cursor := found.next_cursor) is None:
                break
    assert seen == ids[::-1]
