"""Labels: from folders, and from a table."""

import pytest
from werkzeug.test import TestResponse

from pianola_api.datasets import LABEL_BYTES

from .steps import MIDI, Api


@pytest.fixture
def labelled(either_api: Api) -> Api:
    either_api.post("/v1/datasets", json={"name": "set", "options": {"folder_labels": ["genre"]}})
    either_api.upload("set", {"waltz/a.mid": MIDI, "waltz/b.mid": MIDI, "c.mid": MIDI})
    return either_api


def put(api: Api, table: str | bytes, dataset: str = "set", media_type: str = "text/csv") -> TestResponse:
    return api.client.put(f"/v1/datasets/{dataset}/labels", data=table, content_type=media_type)


def labels(api: Api) -> dict[str, dict[str, str]]:
    return {line["name"]: line["labels"] for line in api.get("/v1/datasets/set/files")["items"]}


def test_folders_give_labels(labelled: Api) -> None:
    assert labels(labelled) == {"waltz/a.mid": {"genre": "waltz"}, "waltz/b.mid": {"genre": "waltz"}, "c.mid": {}}


def test_a_table_gives_labels(labelled: Api) -> None:
    table = "\ufefffile,Composer,genre\r\nwaltz/a.mid,Strauss,\r\nc.mid,Bartók,csárdás\r\nnone.mid,Nobody,\r\n"
    answer = put(labelled, table.encode(), media_type="text/csv; charset=utf-8")
    assert answer.status_code == 200, answer.text
    assert answer.json["labelled"] == 2
    assert answer.json["fields"] == ["composer", "genre"]
    assert answer.json["unknown"] == ["none.mid"]
    assert (answer.json["dataset"]["name"], answer.json["dataset"]["version"]) == ("set", 1)
    assert labels(labelled) == {
        "waltz/a.mid": {"genre": "waltz", "composer": "Strauss"},
        "waltz/b.mid": {"genre": "waltz"},
        "c.mid": {"genre": "csárdás", "composer": "Bartók"},
    }


def test_of_a_built_dataset_the_next_version_has_the_labels(api: Api) -> None:
    api.built("set")
    answer = put(api, "file,composer\na.mid,Bach\n")
    assert answer.json["dataset"]["version"] == 2
    assert labels(api)["a.mid"] == {"composer": "Bach"}
    assert api.get("/v1/datasets/set@1/files")["items"][0]["labels"] == {}


def test_a_table_of_names_that_no_file_has_makes_no_version(api: Api) -> None:
    api.built("set")
    answer = put(api, "file,composer\nz.mid,Bach\n")
    assert (answer.json["labelled"], answer.json["unknown"], answer.json["dataset"]["version"]) == (0, ["z.mid"], 1)
    assert api.get("/v1/datasets/set")["version"] == 1


def test_a_building_dataset_takes_no_labels(labelled: Api) -> None:
    labelled.post("/v1/datasets/set/build", 202)
    labelled.problem(put(labelled, "file,composer\nc.mid,Bach\n"), 409, "wrong-state")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "empty"),
        ("name,composer\na.mid,Bach\n", "line 1"),
        ("file\na.mid\n", "line 1"),
        ("file,composer\na.mid,Bach,1750\n", "line 2"),
        ("file,composer\na.mid,Bach\na.mid,Bart\n", "line 3"),
        (b"file,composer\na.mid,Bart\xf3k\n", "line 2: it is not UTF-8"),
        ("file,composer\n" + "".join(f"{n}.mid,composer {n}\n" for n in range(1001)), "line 1002"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_with_its_line(labelled: Api, table: str | bytes, words: str) -> None:
    before = labels(labelled)
    told = labelled.problem(put(labelled, table), 422, "bad-labels")
    assert words in told["detail"]
    assert labels(labelled) == before


def test_a_table_is_text_and_of_bounded_size(labelled: Api) -> None:
    told = labelled.problem(put(labelled, "{}", media_type="application/json"), 415, "unsupported-media-type")
    assert "text/csv" in told["detail"]
    labelled.problem(put(labelled, b"x" * (LABEL_BYTES + 1)), 413, "content-too-large")
    labelled.problem(put(labelled, "file,composer\n", "none"), 404, "not-found")
