"""A collection as its keeper sees it: options, labels, what is in it, a second version, an import, and `watch`."""

import functools
import hashlib
import io
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from servers import wait_for

from .journey import build, get, pages, post, problem

OPTIONS = {"held_out": 0.25, "held_out_seed": 3, "folder_labels": ["shelf"], "duplicates": "windows", "velocity": True}
SHELVES = ("lower", "upper")


def collect(api_url: str, music: Path, folder: Path) -> None:
    """All but one of the pieces, then the last one by import: the same dataset as one made of all at once."""
    pieces = {f"{SHELVES[number % 2]}/{path.name}": path for number, path in enumerate(sorted(music.glob("*.mid")))}
    *first, last = pieces
    with httpx.Client(base_url=api_url, timeout=60) as api:
        post(api, "/v1/datasets", json={"name": "collection", "options": OPTIONS})
        upload(api, "collection", {name: pieces[name] for name in first})
        post(api, "/v1/datasets/collection/build")
        watch(api_url, "collection")
        built = get(api, "/v1/datasets/collection")
        look_at(api, built)
        fetch(api, folder, last, pieces[last])
        label(api, first[0])
        second = build(api, "collection")
        assert (second["version"], second["parent_id"]) == (2, built["id"])
        assert (second["files"], second["files_reused"]) == (len(pieces), len(first))
        assert get(api, "/v1/datasets/collection@1") == built
        anew(api, pieces, first[0], second)


def upload(api: httpx.Client, name: str, pieces: dict[str, Path]) -> None:
    files = [("files", (piece, path.read_bytes())) for piece, path in pieces.items()]
    assert post(api, f"/v1/datasets/{name}/files", files=files)["added"] == len(pieces)


def watch(api_url: str, name: str) -> None:
    """Follow a build as a person does, from another shell."""
    command = [str(Path(sys.executable).with_name("pianola")), "watch", name, "--url", api_url]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert said.returncode == 0, said.stderr
    assert f"{name} is built" in said.stdout


def look_at(api: httpx.Client, built: dict[str, Any]) -> None:
    """What the options made of it, its statistics and its contact sheet."""
    assert built["options"].items() >= OPTIONS.items()
    assert built["labels"] == {"shelf": list(SHELVES)}
    assert 0 < built["windows_held_out"] < built["windows"]
    report = list(pages(api, "/v1/datasets/collection/files"))
    assert {line["held_out"] for line in report} == {True, False}
    assert all(line["labels"] == {"shelf": line["name"].partition("/")[0]} for line in report)
    assert sum(line["windows"] for line in report) == built["windows"] + built["duplicates"]["windows"]
    found = get(api, "/v1/datasets/collection/statistics")
    assert (found["windows"], found["held_out"]) == (built["windows"], built["windows_held_out"])
    assert sum(found["note_frequency"]) == pytest.approx(1)
    assert sum(found["labels"]["shelf"]["values"].values()) == sum(found["metres"].values()) == built["windows"]
    assert sum(found["velocity"]["notes"]) == found["notes"]
    picture = api.get("/v1/datasets/collection/contact-sheet").raise_for_status()
    with Image.open(io.BytesIO(picture.content)) as sheet:
        assert sheet.format == "PNG"


def fetch(api: httpx.Client, folder: Path, name: str, piece: Path) -> None:
    """Import the piece in a zip from a server on this machine; a digest that is not the zip's takes nothing."""
    with zipfile.ZipFile(folder / "last.zip", "w") as archive:
        archive.write(piece, name)
    with serving(folder) as url:
        source = {"kind": "url", "url": f"{url}/last.zip", "sha256": "0" * 64}
        failed = imported(api, source)
        assert failed["state"] == "failed"
        assert "sha256" in failed["error"]
        source["sha256"] = hashlib.sha256((folder / "last.zip").read_bytes()).hexdigest()
        done = imported(api, source)
        assert (done["state"], done["files_added"]) == ("succeeded", 1), done
    refused = problem(api.post("/v1/datasets/collection/imports", json={"kind": "recipe", "recipe": "nottingham"}), 422)
    assert refused["errors"][0]["field"] == "accept_licence"


def imported(api: httpx.Client, source: dict[str, str]) -> dict[str, Any]:
    """An import that has ended, into the version that was opened for it."""
    where = f"/v1/datasets/collection/imports/{post(api, '/v1/datasets/collection/imports', json=source)['id']}"
    wait_for(lambda: get(api, where)["state"] in ("succeeded", "failed"), 60, "the import")
    ended: dict[str, Any] = get(api, where)
    assert get(api, "/v1/datasets/collection")["id"] == ended["dataset_id"]
    return ended


def label(api: httpx.Client, name: str) -> None:
    answer = api.put("/v1/datasets/collection/labels", content=labels(name), headers={"Content-Type": "text/csv"})
    assert answer.raise_for_status().json()["labelled"] == 1


def labels(name: str) -> str:
    return f"file,mood\n{name},calm\n"


def anew(api: httpx.Client, pieces: dict[str, Path], labelled: str, second: dict[str, Any]) -> None:
    """The same files, options and labels in one go have the same digest."""
    post(api, "/v1/datasets", json={"name": "collection anew", "options": OPTIONS})
    upload(api, "collection anew", pieces)
    where = "/v1/datasets/collection anew/labels"
    api.put(where, content=labels(labelled), headers={"Content-Type": "text/csv"}).raise_for_status()
    whole = build(api, "collection anew")
    assert whole["files_reused"] == 0
    assert whole["digest"] == second["digest"]


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A web server of the files in `folder`; yields its address."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
