"""Uploads: what is taken, under which name, and what a hostile one comes to."""

import hashlib
import io
import struct
import tracemalloc
import unicodedata
import zipfile
from typing import Any

import pytest
from packing import packed, tarred

from pianola.intake import names, zips
from pianola.intake.names import UnusableName, clean
from pianola.objects.layout import file_key

from .steps import MIDI, Api, zipped


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def open_api(api: Api) -> Api:
    api.post("/v1/datasets", json={"name": "set"})
    return api


def reasons(uploaded: Any) -> dict[str, str]:
    return {entry["name"]: entry["reason"] for entry in uploaded["skipped"]}


def test_files_are_stored_under_their_digest(open_api: Api) -> None:
    uploaded = open_api.upload("set", {"folder/a.mid": MIDI, "anything.xyz": b"x", "copy.MID": MIDI})
    assert (uploaded["added"], uploaded["unchanged"], uploaded["skipped"]) == (3, 0, [])
    assert uploaded["files"][0] == {"name": "folder/a.mid", "sha256": sha256(MIDI), "size": len(MIDI)}
    dataset_id = open_api.get("/v1/datasets/set")["id"]
    assert open_api.context.store.get(file_key(dataset_id, sha256(MIDI))) == MIDI
    again = open_api.upload("set", {"folder/a.mid": MIDI, "new.mid": MIDI})
    assert (again["added"], again["unchanged"]) == (1, 1)
    assert open_api.get("/v1/datasets/set")["files"] == 4


def test_another_file_of_the_same_name_is_refused_with_all_that_came_along(open_api: Api) -> None:
    open_api.upload("set", {"a.mid": MIDI})
    told = open_api.upload("set", {"b.mid": MIDI, "a.mid": b"other"}, 409)
    assert "'a.mid'" in told["detail"]
    assert open_api.get("/v1/datasets/set")["files"] == 1


def test_folders_give_their_midi_files_only(open_api: Api) -> None:
    files = {"f/a.mid": MIDI, "f/b.MIDI": MIDI, "f/c.kar": MIDI, "f/d.rmi": MIDI, "f/e.smf": MIDI}
    uploaded = open_api.upload("set", files | {"f/readme.txt": b"x", "f/.DS_Store": b"x"})
    assert uploaded["added"] == 5
    assert reasons(uploaded) == {"f/readme.txt": "not a MIDI file by its name"}


def test_a_zip_is_expanded(open_api: Api) -> None:
    data = zipped(
        {
            "one/a.mid": MIDI,
            "one/B.MID": MIDI + b"2",
            "one/notes.txt": b"x",
            "one/inner.zip": zipped({"x.mid": MIDI}),
            "__MACOSX/one/._a.mid": b"fork",
            ".hidden.mid": b"x",
            "../../etc/passwd.mid": b"x",
            "/absolute.mid": MIDI,
        }
    )
    uploaded = open_api.upload("set", {"all.zip": data, "plain.mid": MIDI})
    assert [file["name"] for file in uploaded["files"]] == ["one/a.mid", "one/B.MID", "absolute.mid", "plain.mid"]
    assert reasons(uploaded) == {
        "one/notes.txt": "not a MIDI file by its name",
        "one/inner.zip": "an archive inside an archive is not opened",
        "../../etc/passwd.mid": "its name leaves the folder (..)",
    }


@pytest.mark.parametrize("name", ["all.tar", "ALL.TAR.GZ", "all.tgz"])
def test_a_tar_is_expanded(open_api: Api, name: str) -> None:
    data = tarred({"one/a.mid": MIDI, "one/notes.txt": b"x"})
    uploaded = open_api.upload("set", {name: data if name == "all.tar" else packed(data)})
    assert [file["name"] for file in uploaded["files"]] == ["one/a.mid"]
    assert reasons(uploaded) == {"one/notes.txt": "not a MIDI file by its name"}


def test_of_many_skipped_files_the_first_are_named(open_api: Api) -> None:
    uploaded = open_api.upload("set", {"all.zip": zipped({f"{number}.txt": b"" for number in range(1234)})})
    assert len(uploaded["skipped"]) == 1001
    assert uploaded["skipped"][-1]["reason"] == "234 more files were not taken"


def test_names_in_a_zip_made_on_a_mac(open_api: Api) -> None:
    data = zipped({"xx.mid": MIDI}).replace(b"xx.mid", "ü.mid".encode() + b"")
    data = data.replace("ü.mid".encode(), "ü.mi".encode() + b"d")
    assert [file["name"] for file in open_api.upload("set", {"a.zip": data})["files"]] == ["ü.mid"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"not a zip", "not a readable zip"),
        (zipped({"a.mid": MIDI})[:-10], "not a readable zip"),
        (zipped({"a.mid": MIDI})[30:], "damaged"),
        (zipped({"a.mid": MIDI}, zipfile.ZIP_LZMA), "other than deflate"),
        (zipped({"a.mid": bytes(8_000_000)}), "200 times"),
        (zipped({"a.mid": bytes(9_000_000)}, zipfile.ZIP_STORED), "larger than 8,388,608 bytes"),
        (zipped({"a.mid": MIDI}, zipfile.ZIP_STORED).replace(b"MThd", b"MThe"), "damaged"),
        (zipped({"a.mid": MIDI * 9}).replace(struct.pack("<L", len(MIDI) * 9), struct.pack("<L", 2)), "damaged"),
        (b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, 0, 0, 2**31, 0, 0), "list of files"),
        (b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, 1, 1, 46, 2**31, 0), "not a readable zip"),
    ],
    ids=["text", "cut", "headless", "lzma", "ratio", "large", "checksum", "liar", "directory", "offset"],
)
def test_bad_zips_are_skipped_with_a_reason(open_api: Api, data: bytes, reason: str) -> None:
    uploaded = open_api.upload("set", {"bad.zip": data, "good.mid": MIDI})
    assert uploaded["added"] == 1
    assert any(reason in said for said in reasons(uploaded).values()), uploaded["skipped"]


def test_a_small_entry_may_be_packed_very_small(open_api: Api) -> None:
    assert open_api.upload("set", {"a.zip": zipped({"silence.mid": MIDI + bytes(100_000)})})["added"] == 1


def test_an_encrypted_entry_is_skipped(open_api: Api) -> None:
    data = bytearray(zipped({"a.mid": MIDI}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(signature) + offset] |= 1
    assert reasons(open_api.upload("set", {"a.zip": bytes(data)})) == {"a.mid": "it is encrypted"}


def test_a_zip_of_too_many_files_is_skipped(open_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zips, "MOST_ENTRIES", 3)
    uploaded = open_api.upload("set", {"many.zip": zipped({f"{number}.mid": MIDI for number in range(4)})})
    assert reasons(uploaded) == {"many.zip": "it holds 4 files, at most 3 are taken from one zip"}


def test_overlapping_entries_run_into_the_total(make_api: Any) -> None:
    api = make_api(max_upload_bytes=5000)
    api.post("/v1/datasets", json={"name": "set"})
    data = zipped({f"{number}.mid": bytes(range(256)) * 7 for number in range(9)})
    assert len(data) < 5000
    uploaded = api.upload("set", {"bomb.zip": data})
    assert uploaded["added"] == 2
    assert len(uploaded["skipped"]) == 7
    assert "larger than one may send" in uploaded["skipped"][0]["reason"]


def test_a_file_too_large_is_skipped_and_those_behind_it_are_taken(make_api: Any) -> None:
    api = make_api(max_file_bytes=1000)
    api.post("/v1/datasets", json={"name": "set"})
    uploaded = api.upload("set", {"large.mid": bytes(200_000), "exact.mid": bytes(1000), "empty.mid": b""})
    assert reasons(uploaded) == {"large.mid": "it is larger than 1,000 bytes"}
    assert [file["size"] for file in uploaded["files"]] == [1000, 0]


def test_a_body_too_large_is_refused(make_api: Any) -> None:
    api = make_api(max_upload_bytes=1000)
    api.post("/v1/datasets", json={"name": "set"})
    told = api.upload("set", {"a.mid": bytes(2000)}, 413)
    assert "1,000 bytes" in told["detail"]


def test_memory_is_bounded_by_one_file(make_api: Any) -> None:
    api = make_api(max_file_bytes=2**20)
    api.post("/v1/datasets", json={"name": "set"})
    line = b"--b\r\nContent-Disposition: form-data; name=files; filename=%d.mid\r\n\r\n"
    body = b"".join(line % number + bytes([number]) * 2**20 + b"\r\n" for number in range(16)) + b"--b--\r\n"
    tracemalloc.start()
    try:
        response = api.client.post("/v1/datasets/set/files", data=body, content_type="multipart/form-data; boundary=b")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert response.json["added"] == 16
    assert peak < 8 * 2**20


PART = b"--b\r\nContent-Disposition: form-data; name="


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"text", "broken"),
        (PART + b"x\r\n\r\n1\r\n--b--\r\n", "'files'"),
        (PART + b'files; filename="a.mid"\r\n\r\nMT', "broken"),
        (PART + b"files; filename=a\xff\r\n\r\n\r\n--b--", "broken"),
        (b"--b\r\n" + b"X: y\r\n" * 50_000, "headers"),
        (b"--b--\r\n" + b"x" * 300_000, "broken"),
    ],
    ids=["text", "no files", "cut", "not UTF-8", "headers", "epilogue"],
)
def test_bodies_that_are_no_upload(open_api: Api, body: bytes, words: str) -> None:
    where = "/v1/datasets/set/files"
    response = open_api.client.post(where, data=body, content_type="multipart/form-data; boundary=b")
    assert words in open_api.problem(response, 422, "bad-upload")["detail"]
    assert open_api.get("/v1/datasets/set")["files"] == 0


def test_a_multipart_body_names_its_boundary(open_api: Api) -> None:
    response = open_api.client.post("/v1/datasets/set/files", data=b"x", content_type="multipart/form-data")
    assert "boundary" in open_api.problem(response, 422, "bad-upload")["detail"]


def test_files_in_another_field_are_named(open_api: Api) -> None:
    data = {"files": [(io.BytesIO(MIDI), "a.mid")], "file": [(io.BytesIO(MIDI), "b.mid")]}
    uploaded = open_api.post("/v1/datasets/set/files", data=data)
    assert reasons(uploaded) == {"b.mid": "sent in field 'file', not in 'files'"}


def test_a_closed_dataset_takes_nothing(api: Api) -> None:
    api.post("/v1/datasets", json={"name": "set"})
    api.upload("set", {"a.mid": MIDI})
    api.post("/v1/datasets/set/build", 202)
    told = api.upload("set", {"c.mid": b"c"}, 409)
    assert told["code"] == "wrong-state"
    dataset_id = api.get("/v1/datasets/set")["id"]
    assert not api.context.store.exists(file_key(dataset_id, sha256(b"c")))


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("a.mid", "a.mid"),
        ("/a//b/./c.mid", "a/b/c.mid"),
        ("C:\\music\\a.mid", "music/a.mid"),
        ("a..b.mid", "a..b.mid"),
        (unicodedata.normalize("NFD", "é.mid"), "é.mid"),
        ("x" * 500, "x" * 500),
    ],
)
def test_clean_names(raw: str, kept: str) -> None:
    assert clean(raw) == kept


@pytest.mark.parametrize("raw", ["", "/", "..", "a/../b.mid", "a\0.mid", "a\nb", "x" * 501, "\ud800"])
def test_unusable_names(raw: str) -> None:
    with pytest.raises(UnusableName):
        clean(raw)
    names.shown(raw).encode()
