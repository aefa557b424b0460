"""Datasets over HTTP."""

import pytest

from pianola.records import planning

from .steps import MIDI, Api


def test_create_list_show(either_api: Api) -> None:
    api = either_api
    made = api.post("/v1/datasets", json={"name": "Bach: not allowed"}, status=422)
    made = api.post("/v1/datasets", json={"name": "Bach 2 (live)", "preset": "thesis", "options": {"partial": "pad"}})
    assert made["id"].startswith("ds_")
    assert (made["state"], made["preset"], made["files"]) == ("open", "thesis", 0)
    assert made["options"]["partial"] == "pad"
    assert made["options"]["rounding"] == "delta"
    assert made["created_at"].endswith("Z")
    assert api.get(f"/v1/datasets/{made['id']}") == made
    assert api.get("/v1/datasets/Bach 2 (live)") == made
    assert api.get("/v1/datasets") == {"items": [made], "next_cursor": None}
    api.problem(api.client.post("/v1/datasets", json={"name": "Bach 2 (live)"}), 409, "name-taken")


@pytest.mark.parametrize("name", ["a/b", "..", "a\0b", " a", "ds_1", "run_x", "a" * 101, "0" * 64, "a\ud800"])
def test_names_that_cannot_stand_in_an_address(api: Api, name: str) -> None:
    api.problem(api.client.post("/v1/datasets", json={"name": name}), 422, "invalid-request")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("lowest_pitch", 200),
        ("hop", 8),
        ("metres", ["4/5"]),
        ("least_notes", -1),
        ("velocity", "yes"),
        ("held_out", 0.9),
        ("held_out_seed", 0.5),
        ("duplicates", "none"),
        ("folder_labels", ["Composer!"]),
        ("colour", "red"),
    ],
)
def test_options_are_checked_at_once(api: Api, option: str, value: object) -> None:
    response = api.client.post("/v1/datasets", json={"name": "a", "options": {option: value}})
    told = api.problem(response, 422, "invalid-options")
    assert [error["field"] for error in told["errors"]] == [f"options.{option}"]
    assert api.get("/v1/datasets")["items"] == []


def test_every_option_is_kept_with_the_dataset(api: Api) -> None:
    options = {
        "hop": 48, "metres": ["3/4", "6/8"], "least_notes": 4, "velocity": True, "held_out": 0.25, "held_out_seed": 9,
        "duplicates": "files", "folder_labels": ["genre", "composer"],
    }  # fmt: skip
    made = api.post("/v1/datasets", json={"name": "a", "options": options})
    assert made["options"].items() >= options.items()
    assert made["options"]["rounding"] == "absolute"


def test_pages(api: Api) -> None:
    made = [api.post("/v1/datasets", json={"name": f"d{number}"})["name"] for number in range(5)]
    found, cursor = [], ""
    while True:
        page = api.get(f"/v1/datasets?limit=2{cursor}")
        assert len(page["items"]) <= 2
        found += [item["name"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == made[::-1]


def test_build_and_report(either_api: Api) -> None:
    api = either_api
    made = api.post("/v1/datasets", json={"name": "set"})
    api.problem(api.client.post("/v1/datasets/set/build"), 409, "wrong-state")
    api.upload("set", {"b.mid": MIDI, "a.mid": MIDI + b"\0", "odd": b"?"})
    building = api.post("/v1/datasets/set/build", 202)
    assert (building["state"], building["files"], building["files_done"]) == ("building", 3, 0)
    assert api.post("/v1/datasets/set/build", 202)["state"] == "building"
    api.problem(api.client.post("/v1/datasets/set/files", data={"files": []}), 415, "unsupported-media-type")
    api.build(made["id"], windows=7)
    built = api.get("/v1/datasets/set")
    assert (built["state"], built["files_accepted"], built["files_refused"]) == ("built", 2, 1)
    assert (built["files_done"], built["windows"], built["notes"]) == (3, 14, 800)
    assert built["digest"]
    assert built["built_at"]
    report = api.get("/v1/datasets/set/files?limit=2")
    assert [line["name"] for line in report["items"]] == ["a.mid", "b.mid"]
    assert report["items"][0]["left_out"] == {"percussion": 3}
    rest = api.get("/v1/datasets/set/files", query_string={"cursor": report["next_cursor"]})
    assert [line["reason"] for line in rest["items"]] == ["no header"]
    assert len(api.get("/v1/datasets/set/files?verdict=refused")["items"]) == 1
    told = api.problem(api.client.post("/v1/datasets/set/build"), 409, "wrong-state")
    assert "never changes" in told["detail"]


def test_building_sends_the_plan_and_building_again_what_is_left(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "CHUNK_FILES", 2)
    made = api.post("/v1/datasets", json={"name": "set"})
    api.upload("set", {f"{number}.mid": MIDI for number in range(5)})
    with api.context.celery.connection_for_read() as connection:
        waiting = connection.default_channel
        before = waiting.queue_declare("preprocess").message_count
        api.post("/v1/datasets/set/build", 202)
        assert waiting.queue_declare("preprocess").message_count - before == 1
        api.planned(made["id"])
        api.post("/v1/datasets/set/build", 202)
        assert waiting.queue_declare("preprocess").message_count - before == 1 + 3


def test_reads_are_validated_by_etag(api: Api) -> None:
    api.post("/v1/datasets", json={"name": "set"})
    first = api.client.get("/v1/datasets/set")
    headers = {"If-None-Match": first.headers["ETag"]}
    unchanged = api.client.get("/v1/datasets/set", headers=headers)
    assert (unchanged.status_code, unchanged.get_data()) == (304, b"")
    api.upload("set", {"a.mid": MIDI})
    changed = api.client.get("/v1/datasets/set", headers=headers)
    assert changed.status_code == 200
    assert changed.headers["ETag"] != first.headers["ETag"]
