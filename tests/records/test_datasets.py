"""Datasets, their versions, files and labels, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from pianola.records import Records, builds, datasets, open_records, runs
from pianola.records.errors import DatasetClosed, FileConflict, NameTaken, NotFound
from pianola.records.states import DatasetState
from pianola.records.tables import DatasetFile

from .makers import OPTIONS, build, built_dataset, finish, new_dataset, new_file, planned


def files(records: Records, dataset_id: str) -> list[DatasetFile]:
    with records.read() as session:
        return list(datasets.files_page(session, dataset_id, 1000, None).rows)


def test_files_are_added_once_and_never_replaced(records: Records) -> None:
    dataset_id = new_dataset(records, [new_file("a.mid"), new_file("b.mid")], "songs")
    with records.write() as session:
        again = [new_file("a.mid"), new_file("c.mid"), new_file("c.mid")]
        assert datasets.add_files(session, dataset_id, again) == datasets.Added(added=1, unchanged=2)
    for conflict in ([new_file("a.mid", "other")], [new_file("d.mid"), new_file("d.mid", "other")]):
        with pytest.raises(FileConflict, match=r"[ad]\.mid"), records.write() as session:
            datasets.add_files(session, dataset_id, conflict)
    with records.read() as session:
        assert datasets.get(session, "songs").files == 3
    assert [file.name for file in files(records, dataset_id)] == ["a.mid", "b.mid", "c.mid"]


def test_files_are_streamed_in_batches(records: Records) -> None:
    dataset_id = new_dataset(records, [])
    with records.write() as session:
        added = datasets.add_files(session, dataset_id, (new_file(f"{number % 2500}.mid") for number in range(3000)))
    assert added == datasets.Added(added=2500, unchanged=500)
    with records.read() as session:
        assert datasets.get(session, dataset_id).files == 2500


def test_a_built_dataset_is_closed(records: Records) -> None:
    dataset_id = built_dataset(records, "closed")
    with pytest.raises(DatasetClosed, match="is built"), records.write() as session:
        datasets.add_files(session, dataset_id, [new_file("x.mid")])
    with pytest.raises(DatasetClosed, match="next version"), records.write() as session:
        datasets.set_labels(session, dataset_id, {"a.mid": {"genre": "march"}})
    with pytest.raises(DatasetClosed, match="never changes"), records.write() as session:
        builds.start_build(session, dataset_id)
    with pytest.raises(NameTaken, match="closed"), records.write() as session:
        datasets.create(session, "closed", "piano", OPTIONS)


def test_names_find_the_newest_version_or_the_one_they_say(records: Records) -> None:
    first = built_dataset(records, "songs")
    with records.write() as session:
        second = datasets.new_version(session, first).id
    with records.read() as session:
        assert datasets.get(session, "songs").id == second
        assert [datasets.get(session, reference).id for reference in ("songs@1", "songs@2")] == [first, second]
        assert datasets.get(session, first).id == first
        versions = datasets.list_page(session, 10, None, name="songs").rows
        assert [(row.version, row.state) for row in versions] == [(2, "open"), (1, "built")]
        for wrong in ("nothing", "songs@3", "songs@", "songs@-1", "songs@²", "@1", "songs@99999999999999999999"):
            with pytest.raises(NotFound, match="no dataset"):
                datasets.get(session, wrong)


def test_a_version_begins_with_the_files_of_the_one_before(records: Records) -> None:
    first = new_dataset(records, [new_file("a.mid"), new_file("b.mid")], folder_labels=["genre"], held_out=0.5)
    with records.write() as session:
        datasets.set_labels(session, first, {"a.mid": {"composer": "Satie"}})
    build(records, first)
    with records.write() as session:
        version = datasets.new_version(session, first)
        assert (version.version, version.state, version.folder, version.parent_id) == (2, "open", first, first)
        assert (version.files, version.windows, version.digest) == (2, 0, None)
        assert version.options == datasets.get(session, first).options
    inherited = files(records, version.id)
    assert [(file.name, file.sha256, file.labels) for file in inherited] == [
        ("a.mid", new_file("a.mid").sha256, {"composer": "Satie"}),
        ("b.mid", new_file("b.mid").sha256, {}),
    ]
    for file in inherited:
        assert (file.position, file.verdict, file.windows, file.shard, file.held_out) == (None, None, 0, None, False)
        assert (file.left_out, file.warnings) == ({}, [])


def test_the_newest_version_is_used_until_it_is_built(records: Records) -> None:
    first = built_dataset(records)
    with records.write() as session:
        second = datasets.new_version(session, first).id
        assert datasets.new_version(session, first).id == second
        assert datasets.new_version(session, second).id == second
    planned(records, second)
    with pytest.raises(DatasetClosed, match="wait for its build"), records.write() as session:
        datasets.new_version(session, first)
    with records.write() as session:
        builds.fail_build(session, second, "for the test")
        assert datasets.new_version(session, first).id == second
    build(records, second)
    with records.write() as session:
        third = datasets.new_version(session, first)
        assert (third.version, third.parent_id, third.folder) == (3, second, first)


def test_callers_at_the_same_time_get_the_same_version(records: Records) -> None:
    first = built_dataset(records)

    def ask(_: int) -> str:
        with records.write() as session:
            return datasets.new_version(session, first).id

    with ThreadPoolExecutor(8) as pool:
        (version,) = set(pool.map(ask, range(16)))
    assert [file.name for file in files(records, version)] == ["a.mid", "b.mid"]


def test_an_older_version_can_still_be_trained_on(records: Records) -> None:
    first = built_dataset(records)
    with records.write() as session:
        second = datasets.new_version(session, first).id
        options: dict[str, Any] = {"family": "vae", "preset": "default", "options": {}, "seed": 1, "queue": "train"}
        run = runs.submit(session, datasets.get(session, first), **options)
        assert run.dataset_id == first
        with pytest.raises(DatasetClosed, match="before training"):
            runs.submit(session, datasets.get(session, second), **options)


def test_a_version_replaces_what_it_inherited_once(records: Records) -> None:
    first = built_dataset(records)
    with records.write() as session:
        version = datasets.new_version(session, first).id
        batch = [new_file("a.mid", "better"), new_file("b.mid"), new_file("c.mid")]
        assert datasets.add_files(session, version, batch) == datasets.Added(added=1, unchanged=1, replaced=1)
        assert datasets.add_files(session, version, batch) == datasets.Added(unchanged=3)
    for conflict in (new_file("a.mid", "best"), new_file("c.mid", "other")):
        with pytest.raises(FileConflict), records.write() as session:
            datasets.add_files(session, version, [conflict])
    with records.read() as session:
        assert datasets.get(session, version).files == 3
    assert [file.sha256 for file in files(records, version)] == [file.sha256 for file in batch]
    assert files(records, first)[0].sha256 == new_file("a.mid").sha256


def test_folders_and_tables_label_files(records: Records) -> None:
    names = ["jazz/Monk/a.mid", "jazz/b.mid", "c.mid"]
    dataset_id = new_dataset(records, map(new_file, names), folder_labels=["genre", "composer"])
    with records.write() as session:
        table = {"jazz/b.mid": {"composer": "Tatum"}, "c.mid": {"genre": "rag"}, "d.mid": {"genre": "rag"}}
        assert datasets.set_labels(session, dataset_id, table) == (2, ["d.mid"])
        assert datasets.set_labels(session, dataset_id, {"c.mid": {"composer": "Joplin"}}) == (1, [])
        many = {f"{number}.mid": {"genre": "rag"} for number in range(2500)}
        assert datasets.set_labels(session, dataset_id, many) == (0, list(many)[:100])
    assert {file.name: file.labels for file in files(records, dataset_id)} == {
        "c.mid": {"genre": "rag", "composer": "Joplin"},
        "jazz/Monk/a.mid": {"genre": "jazz", "composer": "Monk"},
        "jazz/b.mid": {"genre": "jazz", "composer": "Tatum"},
    }


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


NAMES = [
    "B.mid",
    "a.mid",
    "Ä.mid",
    "b/a.mid",
    "b.mid",
    "é.mid",
    "e\u0301.mid",
    "Z.mid",
    "_.mid",
    "\uff5e.mid",
    "𝄞.mid",
    "ﬀ.mid",
]


def test_names_are_in_the_order_of_code_points(records: Records) -> None:
    dataset_id = new_dataset(records, map(new_file, NAMES))
    (number,) = planned(records, dataset_id)
    with records.write() as session:
        work = builds.begin_chunk(session, dataset_id, number)
    assert work is not None
    assert [file.name for file in work.files] == sorted(NAMES)
    pages, cursor = list[str](), None
    with records.read() as session:
        while True:
            found = datasets.files_page(session, dataset_id, 5, cursor)
            pages += [file.name for file in found.rows]
            if (cursor := found.next_cursor) is None:
                break
    assert pages == sorted(NAMES)


def test_the_order_of_names_is_no_languages(postgres_url: str) -> None:
    """Whatever language the database sorts other text by."""
    with open_records(postgres_url).read() as session:
        query = (
            "SELECT collation_name FROM information_schema.columns WHERE (table_name, column_name) = (:table, :column)"
        )
        assert session.scalar(text(query), {"table": "dataset_files", "column": "name"}) == "C"


def test_a_dataset_in_building_takes_no_files(records: Records) -> None:
    dataset_id = new_dataset(records, [new_file("a.mid")])
    planned(records, dataset_id)
    with pytest.raises(DatasetClosed, match="is building"), records.write() as session:
        datasets.add_files(session, dataset_id, [new_file("b.mid")])
    finish(records, dataset_id)
    with records.read() as session:
        assert datasets.get(session, dataset_id).state == DatasetState.BUILDING
