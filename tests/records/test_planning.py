"""The plan of a build: its chunks, labels and what is held out, on both databases."""

import pytest

from pianola.dataset.holdout import is_held_out, rank
from pianola.dataset.labels import MOST_VALUES
from pianola.records import Records, builds, datasets, imports, planning
from pianola.records.errors import DatasetClosed, NotFound
from pianola.records.states import DatasetState

from .makers import (
    finish,
    new_dataset,
    new_file,
    planned,
)
from .watching import at_work, held_out, kinds, row

BIG = planning.CHUNK_BYTES


def test_chunks_follow_names_and_bounds(records: Records) -> None:
    sizes = {"c.mid": 10, "B.mid": BIG, "a.mid": BIG + 5, "d.mid": 10, "e.mid": BIG - 20, "f.mid": 1}
    dataset_id = new_dataset(records, [new_file(name, size=size) for name, size in sizes.items()])
    numbers = planned(records, dataset_id)
    names = [[file.name for file in at_work(records, dataset_id, number).files] for number in numbers]
    assert names == [["B.mid"], ["a.mid"], ["c.mid", "d.mid", "e.mid"], ["f.mid"]]


def test_a_chunk_has_a_bounded_number_of_files(records: Records) -> None:
    count = planning.CHUNK_FILES + 1
    dataset_id = new_dataset(records, [new_file(f"{number:05}.mid", size=1) for number in range(count)])
    assert planned(records, dataset_id) == [0, 1]
    works = [at_work(records, dataset_id, number) for number in (0, 1)]
    assert [len(work.files) for work in works] == [count - 1, 1]
    assert [file.position for work in works for file in work.files] == list(range(count))


def test_a_plan_is_made_once(records: Records) -> None:
    dataset_id = new_dataset(records, [new_file("a.mid", size=BIG), new_file("b.mid")])
    assert planned(records, dataset_id) == [0, 1]
    finish(records, dataset_id, 0)
    with records.write() as session:
        assert builds.plan(session, dataset_id) == [1]
    assert kinds(records, dataset_id).count("planned") == 1


def test_an_empty_dataset_is_not_built(records: Records) -> None:
    dataset_id = new_dataset(records, [])
    with pytest.raises(DatasetClosed, match="add MIDI files"), records.write() as session:
        builds.start_build(session, dataset_id)
    with pytest.raises(NotFound, match="'nothing'"), records.write() as session:
        builds.start_build(session, "nothing")


def test_a_dataset_that_takes_an_import_is_not_built(records: Records) -> None:
    dataset_id = new_dataset(records, [new_file("a.mid")])
    with records.write() as session:
        import_id = imports.create(session, dataset_id, {"kind": "url"}).id
    with pytest.raises(DatasetClosed, match="wait for the import"), records.write() as session:
        builds.start_build(session, dataset_id)
    with records.write() as session:
        claimed = imports.claim(session, import_id, 60)
        assert claimed is not None
        imports.fail(session, import_id, claimed.attempt, "for the test")
    assert planned(records, dataset_id) == [0]


def test_labels_have_a_vocabulary(records: Records) -> None:
    names = ["rag/a.mid", "jazz/b.mid", "jazz/c.mid", "d.mid"]
    dataset_id = new_dataset(records, map(new_file, names), folder_labels=["genre"])
    with records.write() as session:
        datasets.set_labels(session, dataset_id, {"d.mid": {"composer": "Dvořák"}})
    planned(records, dataset_id)
    work = at_work(records, dataset_id)
    assert row(records, dataset_id).labels == {"composer": ["Dvořák"], "genre": ["jazz", "rag"]}
    assert work.labels == {"composer": ["Dvořák"], "genre": ["jazz", "rag"]}
    assert [file.labels for file in work.files] == [{"composer": "Dvořák"}, *[{"genre": "jazz"}] * 2, {"genre": "rag"}]


def test_too_many_values_of_a_label_fail_the_build_and_say_so(records: Records) -> None:
    names = [f"{number}/a.mid" for number in range(MOST_VALUES + 1)]
    dataset_id = new_dataset(records, map(new_file, names), folder_labels=["genre"])
    assert planned(records, dataset_id) == []
    dataset = row(records, dataset_id)
    assert dataset.state == DatasetState.FAILED
    assert "'genre' has more than 1,000 different values" in str(dataset.error)
    with records.write() as session:
        datasets.set_labels(session, dataset_id, {name: {"genre": "one"} for name in names})
    assert planned(records, dataset_id) == [0]
    assert at_work(records, dataset_id).labels == {"genre": ["one"]}


def test_the_seed_holds_out_by_content(records: Records) -> None:
    made = [new_file(f"{number:03}.mid", f"content {number // 2}") for number in range(400)]
    dataset_id = new_dataset(records, made, held_out=0.25, held_out_seed=7)
    planned(records, dataset_id)
    expected = {file.name for file in made if is_held_out(file.sha256, 0.25, 7)}
    assert held_out(records, dataset_id) == expected
    assert 60 < len(expected) < 140
    assert {file.name for file in at_work(records, dataset_id).files if file.held_out} == expected


@pytest.mark.parametrize("share", [0.0001, 0.5])
def test_one_content_at_least_is_on_each_side(records: Records, share: float) -> None:
    def side(content: str) -> bool:
        return is_held_out(new_file(content).sha256, share, 1)

    # Contents that the seed would put on one side.
    alike = [content for content in map(str, range(100)) if side(content) == (share == 0.5)][:5]
    ranked = sorted(alike, key=lambda content: rank(new_file(content).sha256, 1))
    dataset_id = new_dataset(
        records, [new_file(f"{c} {n}", c) for c in alike for n in "ab"], held_out=share, held_out_seed=1
    )
    planned(records, dataset_id)
    expected = ranked[:-1] if share == 0.5 else ranked[:1]
    assert held_out(records, dataset_id) == {f"{content} {n}" for content in expected for n in "ab"}


def test_a_single_content_is_trained_on(records: Records) -> None:
    content = next(c for c in map(str, range(100)) if is_held_out(new_file(c).sha256, 0.5, 1))
    dataset_id = new_dataset(records, [new_file(name, content) for name in "ab"], held_out=0.5, held_out_seed=1)
    planned(records, dataset_id)
    assert held_out(records, dataset_id) == set()
