"""Versions: what is added to a built dataset goes into its next one."""

from pianola.objects.layout import file_key

from .steps import MIDI, Api

RUN = {"dataset": "chorales", "family": "vae"}


def test_files_for_a_built_dataset_make_its_next_version(either_api: Api) -> None:
    api = either_api
    first = api.built()
    uploaded = api.upload("chorales", {"c.mid": MIDI + b"\0", "a.mid": MIDI})
    assert (uploaded["added"], uploaded["unchanged"], uploaded["replaced"]) == (1, 1, 0)
    version = uploaded["dataset"]
    assert (version["name"], version["version"], version["state"]) == ("chorales", 2, "open")
    second = api.get("/v1/datasets/chorales")
    assert (second["id"], second["parent_id"], second["files"]) == (version["id"], first["id"], 3)
    assert second["options"] == first["options"]
    assert api.get("/v1/datasets/chorales@1") == api.get(f"/v1/datasets/{first['id']}") == first
    assert [line["name"] for line in api.get("/v1/datasets/chorales/files")["items"]] == ["a.mid", "b.txt", "c.mid"]
    again = api.upload(first["id"], {"d.mid": MIDI})
    assert again["dataset"]["id"] == version["id"], "an open version takes them, also by the id of the one before"


def test_the_objects_of_all_versions_lie_together(api: Api) -> None:
    first = api.built()
    sha256 = api.upload("chorales", {"c.mid": MIDI + b"\0"})["files"][0]["sha256"]
    assert api.context.store.exists(file_key(first["id"], sha256))


def test_content_that_has_changed_replaces_the_file_of_the_version_before(api: Api) -> None:
    api.built()
    uploaded = api.upload("chorales", {"a.mid": MIDI + b"\0"})
    assert (uploaded["added"], uploaded["unchanged"], uploaded["replaced"]) == (0, 0, 1)
    assert api.get("/v1/datasets/chorales")["files"] == 2


def test_nothing_new_makes_no_version(either_api: Api) -> None:
    api = either_api
    first = api.built()
    uploaded = api.upload("chorales", {"a.mid": MIDI})
    assert (uploaded["added"], uploaded["unchanged"]) == (0, 1)
    assert uploaded["dataset"]["id"] == first["id"]
    assert api.get("/v1/datasets/chorales") == first
    assert len(api.get("/v1/datasets")["items"]) == 1


def test_what_cannot_be_added_makes_no_version(api: Api) -> None:
    api.built()
    api.upload("chorales", {"c.mid": MIDI})
    built = api.get("/v1/datasets/chorales")
    api.post("/v1/datasets/chorales/build", 202)
    api.build(built["id"])
    told = api.upload("chorales", {"d.mid": MIDI, "D/../d.mid": MIDI, "e.mid": b"1"} | {"e/../f.mid": b"2"})
    assert told["dataset"]["version"] == 3
    api.upload("chorales", {"d.mid": b"other"}, 409)
    assert api.get("/v1/datasets/chorales")["version"] == 3


def test_a_repeated_upload_is_answered_as_the_first(api: Api) -> None:
    api.built()
    headers = {"Idempotency-Key": "one"}
    first = api.upload("chorales", {"c.mid": MIDI}, **headers)
    api.post("/v1/datasets/chorales/build", 202)
    assert api.upload("chorales", {"c.mid": MIDI}, **headers) == first


def test_versions_are_listed_by_name(api: Api) -> None:
    api.built()
    api.post("/v1/datasets", json={"name": "other"})
    api.upload("chorales", {"c.mid": MIDI})
    found = api.get("/v1/datasets?name=chorales")["items"]
    assert [(item["name"], item["version"]) for item in found] == [("chorales", 2), ("chorales", 1)]
    assert api.get("/v1/datasets?name=none")["items"] == []
    for missing in ("chorales@3", "chorales@x", "chorales@", "none@1"):
        api.problem(api.client.get(f"/v1/datasets/{missing}"), 404, "not-found")


def test_a_run_on_a_version_that_is_not_built_is_told_what_to_do(api: Api) -> None:
    first = api.built()
    api.upload("chorales", {"c.mid": MIDI})
    told = api.problem(api.client.post("/v1/runs", json=RUN), 409, "wrong-state")
    assert "build it" in told["detail"]
    assert "chorales@1" in told["detail"]
    run = api.post("/v1/runs", json=RUN | {"dataset": "chorales@1"})
    assert run["dataset_id"] == first["id"]
    assert len(api.get("/v1/runs?dataset=chorales@1")["items"]) == 1


def held_out(api: Api, windows: int, held_out: int) -> None:
    """A built dataset with a hold-out of its own."""
    dataset = api.post("/v1/datasets", json={"name": "chorales", "options": {"held_out": 0.2}})
    api.upload("chorales", {"a.mid": MIDI})
    api.post("/v1/datasets/chorales/build", 202)
    api.build(dataset["id"], windows, held_out=held_out)


def test_a_run_leaves_the_hold_out_to_a_dataset_that_has_one(api: Api) -> None:
    held_out(api, windows=50, held_out=10)
    assert api.get("/v1/datasets/chorales")["windows_held_out"] == 10
    response = api.client.post("/v1/runs", json=RUN | {"options": {"held_out": 0.1}})
    told = api.problem(response, 422, "held-out-already")
    assert told["errors"][0]["field"] == "held_out"
    assert "holds out 0.2 of its files" in told["detail"]
    assert api.post("/v1/runs", json=RUN)["state"] == "queued"


def test_a_hold_out_that_leaves_nothing_to_train_on_is_said(api: Api) -> None:
    held_out(api, windows=1, held_out=1)
    told = api.problem(api.client.post("/v1/runs", json=RUN), 422, "too-few-windows")
    assert told["errors"][0]["field"] == "dataset"


def test_a_hold_out_whose_files_were_all_refused_is_said(api: Api) -> None:
    held_out(api, windows=50, held_out=0)
    told = api.problem(api.client.post("/v1/runs", json=RUN), 422, "too-few-windows")
    assert "held_out_seed" in told["errors"][0]["message"]
