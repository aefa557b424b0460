"""The map of a latent space: whose windows are where on it, and what its points play."""

import hashlib
import io
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from flask.testing import FlaskClient
from PIL import Image

from pianola.codec.windows import Windows
from pianola.codec.windows import pack as packed
from pianola.dataset.manifest import Manifest, manifest_bytes, manifest_digest
from pianola.dataset.options import dataset_options
from pianola.dataset.shard_writer import ShardWriter
from pianola.objects.layout import dataset_key, manifest_key, sidecar_key
from pianola.records import builds, datasets
from pianola.records.verdicts import FileVerdict

from .playing import Stage, generator

ODD = "Satie/" + "Gnossienne № 1 «lent» $\\alpha$ _ " * 8 + "\u202e.mid"
FILES = {"Bach/1.mid": 3, "Bach/2.mid": 4, ODD: 5, "untold.mid": 2}
KEPT = [True, False, True] + [True] * 4 + [False, True, True, False, True] + [True, True]
EXPECTED = [
    ("Bach/1.mid", 0), ("Bach/1.mid", 2), *(("Bach/2.mid", number) for number in range(4)),
    *((ODD, number) for number in (1, 2, 4)), ("untold.mid", 0), ("untold.mid", 1),
]  # fmt: skip
POSITIONS = np.random.default_rng(3).normal(size=(len(EXPECTED), 32)).astype(np.float32)


def built(stage: Stage) -> str:
    """A dataset of FILES in two shards, some of whose windows are left out."""
    with stage.records.write() as session:
        options = dataset_options("piano", {"folder_labels": ["composer"]})
        dataset = datasets.create(session, "songs", "piano", options.to_json())
        new = [datasets.NewFile(name, hashlib.sha256(name.encode()).hexdigest(), 1) for name in FILES]
        datasets.add_files(session, dataset.id, new)
    placed, shards = [], []
    for part in ([0, 1], [2, 3]):
        writer = ShardWriter(lambda key, data: stage.store.put(dataset_key(dataset.folder, key), data))
        for position in part:
            rows = list(FILES.values())[position]
            lit = packed(np.full((rows, 96, 96), position, np.uint8) % 2)
            metre = np.tile(np.array([4, 4], np.uint8), (rows, 1))
            starts = np.arange(rows, dtype=np.int32) * 96
            writer.add(position, Windows(lit, starts, np.full(rows, 120, np.float32), metre))
        shards += writer.close()
        placed += writer.placed
    bits = np.packbits(np.array(KEPT)).tobytes()
    kept = hashlib.sha256(bits).hexdigest()
    stage.store.put(sidecar_key(dataset.folder, kept), bits)
    labels = {"composer": ("Bach", "Satie")}
    manifest = Manifest(3, options, 4, 4, 99, sum(KEPT), 0, labels, tuple(shards), (), kept)
    digest = manifest_digest(manifest)
    key = manifest_key(dataset.folder, digest)
    stage.store.put(key, manifest_bytes(manifest))
    with stage.records.write() as session:
        builds.start_build(session, dataset.id)
        builds.plan(session, dataset.id)
        work = builds.begin_chunk(session, dataset.id, 0)
        assert work is not None
        verdicts = [
            FileVerdict(place.position, True, windows, 40, {}, [], None, None, None, place.shard, place.row)
            for place, windows in zip(placed, FILES.values(), strict=True)
        ]
        builds.finish_chunk(session, dataset.id, 0, builds.ChunkResult(work.build, verdicts, []))
        builds.commit_build(session, dataset.id, builds.Committed(work.build, digest, key, sum(KEPT)))
        datasets.get(session, dataset.id).labels = {"composer": ["Bach", "Satie"]}
    return str(dataset.id)


def table(rows: list[int]) -> bytes:
    """The positions of some of the windows, as a run keeps them."""
    files = list(FILES)
    of = np.array([files.index(EXPECTED[row][0]) for row in rows], np.int32)
    return bytes(safetensors.numpy.save({"positions": POSITIONS[rows], "file": of, "index": np.array(rows, np.int32)}))


@pytest.fixture
def client(stage: Stage) -> FlaskClient:
    """A sampler with a VAE, `waltz`, of a built dataset."""
    latent = table(list(range(len(EXPECTED))))
    stage.checkpoint(generator(1, "vae"), "waltz", built(stage), "vae", latent)
    return stage.client()


def shown(client: FlaskClient, query: str = "", status: int = 200) -> dict[str, Any]:
    answer = client.get(f"/v1/models/waltz/map{query}")
    assert answer.status_code == status, answer.text
    return dict(answer.get_json())


def test_every_window_has_its_file_its_number_there_and_its_label(client: FlaskClient) -> None:
    told = shown(client)
    assert [(window["file"], window["window"]) for window in told["windows"]] == EXPECTED
    labels = {"B": "Bach", "S": "Satie", "u": None}
    assert [window["label"] for window in told["windows"]] == [labels[name[0]] for name, _ in EXPECTED]
    assert (told["dataset"], told["of"], told["latent_size"]) == ("songs@1", len(EXPECTED), 32)
    assert (told["field"], told["fields"]) == ("composer", ["composer"])
    assert 0 < sum(told["variance"]) < 1
    points = np.array([[window["x"], window["y"]] for window in told["windows"]])
    centred = POSITIONS - POSITIONS.mean(0)
    np.testing.assert_allclose(points.var(0).sum() / centred.var(0).sum(), sum(told["variance"]), rtol=1e-3)


def test_the_point_of_a_window_plays_what_its_position_does_and_is_kept(stage: Stage, client: FlaskClient) -> None:
    window = shown(client)["windows"][5]
    answer = client.post("/v1/models/waltz/samples", json={"at": [[window["x"], window["y"]], [0.5, -1.0]]})
    told = answer.get_json()
    assert (answer.status_code, told["n"], told["seed"]) == (201, 2, None)
    np.testing.assert_allclose(told["windows"][0]["z"], POSITIONS[5], atol=1e-4)
    positions = [each["z"] for each in told["windows"]]
    by_position = client.post("/v1/models/waltz/samples", json={"z": positions}).get_json()
    assert by_position["id"] == told["id"], "the same positions are the same sample"
    assert stage.client().get(f"/v1/samples/{told['id']}").get_json() == told


def test_an_excerpt_says_of_how_many_windows_it_is(stage: Stage) -> None:
    stage.checkpoint(generator(1, "vae"), "waltz", built(stage), "vae", table([1, 4, 8]))
    told = shown(stage.client())
    assert [(window["file"], window["window"]) for window in told["windows"]] == [EXPECTED[row] for row in (1, 4, 8)]
    assert told["of"] == len(EXPECTED)


def test_the_map_is_a_picture_too_and_has_an_etag_of_its_checkpoint(client: FlaskClient) -> None:
    png = client.get("/v1/models/waltz/map", headers={"Accept": "image/png"})
    assert Image.open(io.BytesIO(png.data)).format == "PNG"
    svg = client.get("/v1/models/waltz/map?format=svg")
    assert (svg.mimetype, svg.data[:5]) == ("image/svg+xml", b"<?xml")
    assert len({png.headers["ETag"], svg.headers["ETag"], client.get("/v1/models/waltz/map").headers["ETag"]}) == 3
    again = client.get("/v1/models/waltz/map?format=svg", headers={"If-None-Match": svg.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_what_a_map_cannot_show_is_said(stage: Stage, client: FlaskClient) -> None:
    told = shown(client, "?field=genre", 422)
    assert "no label field 'genre': its label fields are composer" in told["errors"][0]["message"]
    assert shown(client, "?format=midi", 406)["code"] == "not-acceptable"
    both = client.post("/v1/models/waltz/samples", json={"at": [[0, 0]], "seed": 1})
    assert "give one of" in both.get_json()["errors"][0]["message"]
    stage.checkpoint(generator(1), "polka")
    for answer in (
        client.get("/v1/models/polka/map"),
        client.post("/v1/models/polka/samples", json={"at": [[0.0, 0.0]]}),
    ):
        assert (answer.status_code, answer.get_json()["code"]) == (409, "no-map")
        assert "interpolations" in answer.get_json()["detail"]
