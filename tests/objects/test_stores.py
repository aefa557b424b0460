"""The store's promises, kept by a local directory and by a real S3 server."""

import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import servers

from pianola.objects import LocalStore, ObjectCorrupt, ObjectMissing, ObjectStore, StoreUnavailable, verified
from pianola.objects.s3 import S3Store


def s3_store(server: servers.S3, bucket: str, secret: str | None = None) -> S3Store:
    return S3Store(server.endpoint, server.access_key, secret or server.secret_key, bucket, "us-east-1")


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "local":
        return LocalStore(tmp_path / "objects")
    made = s3_store(request.getfixturevalue("s3"), f"test-{uuid.uuid4().hex}")
    made.create_bucket()
    made.create_bucket()  # two services may start at once
    return made


def test_objects_come_back_whole(store: ObjectStore, tmp_path: Path) -> None:
    store.put("runs/1/a", b"music")
    assert store.get("runs/1/a") == b"music"
    assert store.exists("runs/1/a")
    assert not store.exists("runs/1")
    big = tmp_path / "big"
    big.write_bytes(bytes(range(256)) * 80_000)  # 20 MB: more than one part
    store.put_file("runs/1/big", big)
    store.get_file("runs/1/big", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == big.read_bytes()
    with store.open("runs/1/big") as stream:
        assert stream.read(4) == b"\x00\x01\x02\x03"


def test_an_object_is_read_from_its_head(store: ObjectStore) -> None:
    store.put("a", bytes(range(100)))
    assert [store.head("a", size) for size in (1, 40, 100, 1000)] == [bytes(range(n)) for n in (1, 40, 100, 100)]
    with pytest.raises(ObjectMissing, match="no/such"):
        store.head("no/such", 10)


def test_keys_are_listed_and_deleted(store: ObjectStore) -> None:
    for key in ("a/2", "a/1", "ab/1", "b/1"):
        store.put(key, key.encode())
    assert list(store.keys("a/")) == ["a/1", "a/2"]
    assert list(store.keys("a")) == ["a/1", "a/2", "ab/1"]
    store.delete("a/1")
    store.delete("a/1")
    assert list(store.keys("")) == ["a/2", "ab/1", "b/1"]


def test_objects_are_listed_with_their_size_and_time(store: ObjectStore) -> None:
    before = datetime.now(UTC) - timedelta(seconds=5)
    store.put("a/1", b"one")
    store.put("a/22", b"four")
    listed = list(store.listed("a/"))
    assert [(found.key, found.size) for found in listed] == [("a/1", 3), ("a/22", 4)]
    assert all(before < found.modified < datetime.now(UTC) + timedelta(seconds=5) for found in listed)
    one = store.stat("a/1")
    assert one is not None and one.size == 3 and abs(one.modified - listed[0].modified) < timedelta(seconds=1)
    assert store.stat("a") is None and store.stat("a/1/none") is None


def test_a_write_that_never_ended_is_found_and_given_up(store: ObjectStore) -> None:
    if isinstance(store, LocalStore):
        store.ready()
        (writing,) = store._root.glob(".writing")
        (writing / "left").write_bytes(b"half")
    else:
        assert isinstance(store, S3Store)
        store._client._create_multipart_upload(store._bucket, "a/big", {})
    (left,) = store.unfinished()
    assert datetime.now(UTC) - left.begun < timedelta(minutes=1)
    assert list(store.keys("")) == []
    store.abandon(left)
    store.abandon(left)
    assert list(store.unfinished()) == []


def test_missing_and_corrupt_objects_are_named(store: ObjectStore) -> None:
    for read in (store.get, store.open):
        with pytest.raises(ObjectMissing, match="no/such"):
            read("no/such")
    store.put("x", b"right")
    assert verified(store, "x", hashlib.sha256(b"right").hexdigest()) == b"right"
    with pytest.raises(ObjectCorrupt, match="'x'"):
        verified(store, "x", hashlib.sha256(b"wrong").hexdigest())


def test_a_ready_store_says_so(store: ObjectStore) -> None:
    store.ready()


@pytest.mark.parametrize("key", ["", "/a", "a//b", "../a", "a/../b", ".", ".writing/x"])
def test_local_keys_stay_inside(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="not an object key"):
        LocalStore(tmp_path).put(key, b"")


def test_nothing_half_written_stays(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    store = LocalStore(tmp_path)
    with pytest.raises(StoreUnavailable, match="write file/below"):
        store.put("file/below", b"x")
    assert list(store.keys("")) == ["file"]


def test_a_wrong_secret_is_refused(s3: servers.S3) -> None:
    if not s3.signed:
        assert s3_store(s3, "open", "wrong").exists("x") is False  # this server checks nothing
        return
    with pytest.raises(StoreUnavailable):
        s3_store(s3, "closed", "wrong").create_bucket()


def test_a_server_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    store = S3Store(f"http://127.0.0.1:{servers.free_port()}", "a", "b", "bucket", "us-east-1")
    with pytest.raises(StoreUnavailable, match="find the bucket"):
        store.ready()
