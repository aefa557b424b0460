"""The whole way over HTTP, as a stranger with an HTTP library goes it: MIDI files in, new MIDI out."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import mido
from PIL import Image
from servers import wait_for

RUNS = {
    "vae": {"batch": 16, "epochs": 2, "evaluate_every_steps": 8, "threads": 1},
    "gan": {"batch": 16, "epochs": 1, "evaluate_every_steps": 8, "threads": 1},
}
LATENT = {"vae": "latent", "gan": None}
PLOTS = {
    "vae": {"note_frequency", "loss", "latent_scatter", "sample_grid"},
    "gan": {"note_frequency", "loss", "accuracy"},
}


def travel(
    api_url: str, sampler_url: str, music: Path, odd: list[Path], headers: Mapping[str, str] | None = None
) -> None:
    """Dataset, runs of both families, evaluation and samples; `odd` are files that may be refused.

    `headers`: what says who asks, where keys are asked for.
    """
    with (
        httpx.Client(base_url=api_url, timeout=60, headers=headers) as api,
        httpx.Client(base_url=sampler_url, timeout=60, headers=headers) as sampler,
    ):
        dataset = build_dataset(api, music, odd)
        names = {family: submit(api, dataset, family) for family in RUNS}
        for family, run_id in names.items():
            train(api, run_id, family)
        for family in names:
            sample(api, sampler, f"{family}-of-{dataset['name']}")
        show_map(api, sampler, f"vae-of-{dataset['name']}")
        refuse(api, sampler)


def build_dataset(api: httpx.Client, music: Path, odd: list[Path]) -> dict[str, Any]:
    created = post(api, "/v1/datasets", json={"name": "journey", "preset": "piano"})
    pieces = sorted(music.glob("*.mid"))
    files = [("files", (f"pieces/{path.name}", path.read_bytes(), "audio/midi")) for path in pieces[:3]]
    post(api, f"/v1/datasets/{created['id']}/files", files=files)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in [*pieces[3:], *odd]:
            packed.write(path, f"more/{path.name}")
    uploaded = post(api, "/v1/datasets/journey/files", files=[("files", ("more.zip", archive.getvalue()))])
    assert uploaded["added"] == len(pieces) - 3 + len(odd), uploaded["skipped"]
    again = post(api, "/v1/datasets/journey/files", files=files)
    assert (again["added"], again["unchanged"]) == (0, 3)
    dataset = build(api, "journey")
    report = list(pages(api, "/v1/datasets/journey/files"))
    assert len(report) == dataset["files"] == len(pieces) + len(odd)
    assert dataset["files_accepted"] + dataset["files_refused"] == len(report)
    assert sum(line["windows"] for line in report) == dataset["windows"] > 0
    assert dataset["files_refused"] > 0, "the odd files hold one at least that is no music"
    for line in report:
        if line["verdict"] == "refused":
            assert line["code"], line
            assert line["reason"], line
        else:
            assert line["verdict"] == "accepted", line
    same = post(api, "/v1/datasets/journey/files", files=files)
    assert (same["unchanged"], same["dataset"]["version"]) == (3, 1), "nothing new makes no version"
    return dataset


def build(api: httpx.Client, name: str) -> dict[str, Any]:
    """Build a dataset and wait for it."""
    post(api, f"/v1/datasets/{name}/build")
    wait_for(lambda: get(api, f"/v1/datasets/{name}")["state"] not in ("open", "building"), 60, f"the build of {name}")
    dataset: dict[str, Any] = get(api, f"/v1/datasets/{name}")
    assert dataset["state"] == "built", dataset
    return dataset


def submit(api: httpx.Client, dataset: dict[str, Any], family: str) -> str:
    body = {"dataset": "journey", "family": family, "options": RUNS[family], "seed": 5}
    body |= {"preset": "default", "model": f"{family}-of-{dataset['name']}"}
    headers = {"Idempotency-Key": f"one {family}"}
    first = post(api, "/v1/runs", json=body, headers=headers)
    assert post(api, "/v1/runs", json=body, headers=headers)["id"] == first["id"]
    assert first["dataset_digest"] == dataset["digest"]
    return str(first["id"])


def train(api: httpx.Client, run_id: str, family: str) -> None:
    kinds = [kind for kind, _ in follow(api, run_id)]
    run = get(api, f"/v1/runs/{run_id}")
    assert run["state"] == "succeeded", run
    assert kinds[:2] == ["created", "started"]
    assert "succeeded" in kinds
    points = list(pages(api, f"/v1/runs/{run_id}/metrics"))
    assert len(points) == kinds.count("evaluated") > 0
    wanted = {
        "vae": {"train_reconstruction", "train_kl", "validation_reconstruction", "validation_kl"},
        "gan": {"generator_loss", "discriminator_loss", "accuracy_real", "accuracy_fake"},
    }[family]
    assert wanted <= points[-1]["values"].keys()
    checkpoints = list(pages(api, f"/v1/runs/{run_id}/checkpoints"))
    assert [checkpoint["step"] for checkpoint in checkpoints] == [point["step"] for point in points]
    assert checkpoints[-1]["final"]
    for digest in (checkpoints[-1]["digest"], checkpoints[-1]["generator_digest"]):
        data = api.get(f"/v1/runs/{run_id}/checkpoints/{digest}").raise_for_status().content
        assert hashlib.sha256(data).hexdigest() == digest
    evaluate(api, run_id, family)


def evaluate(api: httpx.Client, run_id: str, family: str) -> None:
    where = f"/v1/runs/{run_id}/evaluation"
    wait_for(lambda: get(api, where)["state"] in ("succeeded", "failed"), 120, f"the evaluation of the {family}")
    evaluation = get(api, where)
    assert evaluation["state"] == "succeeded", evaluation
    assert evaluation["samples"] == 1000
    assert evaluation["report"]
    plots = list(pages(api, f"/v1/runs/{run_id}/plots"))
    assert PLOTS[family] <= {plot["kind"] for plot in plots}, plots
    assert (LATENT[family] in {plot["kind"] for plot in plots}) == (LATENT[family] is not None)
    for plot in plots:
        data = api.get(plot["url"]).raise_for_status()
        assert len(data.content) == plot["size"]
        if plot["media_type"] == "image/png":
            Image.open(io.BytesIO(data.content)).verify()


def sample(api: httpx.Client, sampler: httpx.Client, model: str) -> None:
    digest = get(api, f"/v1/models/{model}")["checkpoint"]
    body = {"n": 4, "seed": 11, "tempo": 90, "program": 4}
    as_json = sampler.post(f"/v1/models/{model}/samples", json=body).raise_for_status()
    told = as_json.json()
    assert (told["seed"], told["checkpoint"], len(told["windows"])) == (11, digest, 4)

    def form(media_type: str, **changes: object) -> bytes:
        answer = sampler.post(f"/v1/models/{model}/samples", json=body | changes, headers={"Accept": media_type})
        assert answer.status_code in (200, 201), answer.text
        assert answer.headers["content-type"].startswith(media_type)
        return answer.content

    one = form("audio/midi", n=1)
    assert one == form("audio/midi", n=1), "the same seed and checkpoint give the same bytes"
    played = [m for m in mido.MidiFile(file=io.BytesIO(one)) if m.type == "note_on" and m.velocity]
    assert len(played) == len(told["windows"][0]["notes"])
    Image.open(io.BytesIO(form("image/png"))).verify()
    with zipfile.ZipFile(io.BytesIO(form("application/zip"))) as archive:
        assert sum(name.endswith(".mid") for name in archive.namelist()) == 4
        assert archive.read("001.mid") == one
    assert sampler.get(f"/v1/samples/{told['id']}").raise_for_status().json()["windows"] == told["windows"]


def show_map(api: httpx.Client, sampler: httpx.Client, model: str) -> None:
    """Every window of every file is on the map once, and the point of one can be played and gone on from."""
    told = sampler.get(f"/v1/models/{model}/map").raise_for_status().json()
    windows = [(window["file"], window["window"]) for window in told["windows"]]
    report = pages(api, "/v1/datasets/journey/files")
    assert windows == [(line["name"], number) for line in report for number in range(line["windows"])]
    assert len(windows) == told["of"]
    at = [told["windows"][0]["x"], told["windows"][0]["y"]]
    begun = sampler.post(f"/v1/models/{model}/samples", json={"at": [at]}).raise_for_status().json()
    body = {"beats": 16, "from": {"sample": begun["id"]}, "seed": 3}
    piece = sampler.post(f"/v1/models/{model}/pieces", json=body).raise_for_status().json()
    assert piece["windows"][0]["z"] == begun["windows"][0]["z"]
    assert sampler.get(f"/v1/models/gan-of-{model.split('-of-')[1]}/map").status_code == 409


def refuse(api: httpx.Client, sampler: httpx.Client) -> None:
    """What is wrong is said in words."""
    bad = {"dataset": "journey", "family": "vae", "options": {"batch": 0}}
    refused = problem(api.post("/v1/runs", json=bad), 422)
    assert "batch" in json.dumps(refused["errors"])
    assert problem(api.get("/v1/runs/run_none"), 404)["code"] == "not-found"
    assert problem(sampler.post("/v1/models/none/samples", json={}), 404)["code"] == "not-found"
    for path in ("/livez", "/readyz", "/metrics"):
        assert api.get(path).status_code == 200, path


def follow(api: httpx.Client, run_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A run's events to the end of its training, as the stream tells them."""
    headers = {"Accept": "text/event-stream"}
    with api.stream("GET", f"/v1/runs/{run_id}/events", headers=headers, timeout=300) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        kind, numbers = "", []
        for line in stream.iter_lines():
            if line.startswith("id:"):
                numbers.append(int(line[3:]))
            elif line.startswith("event:"):
                kind = line[6:].strip()
            elif line.startswith("data:") and kind not in ("progress", "end"):
                yield kind, json.loads(line[5:])
            if kind == "end":
                break
    assert numbers == list(range(1, len(numbers) + 1))


def get(client: httpx.Client, path: str) -> Any:
    return client.get(path).raise_for_status().json()


def post(client: httpx.Client, path: str, **arguments: Any) -> Any:
    answer = client.post(path, **arguments)
    assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
    return answer.json()


def pages(client: httpx.Client, path: str) -> Iterator[dict[str, Any]]:
    cursor: dict[str, str] = {}
    while True:
        page = client.get(path, params={"limit": 50} | cursor).raise_for_status().json()
        yield from page["items"]
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    told: dict[str, Any] = answer.json()
    assert told["status"] == status
    assert told["detail"]
    return told
