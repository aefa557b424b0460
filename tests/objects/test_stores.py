"""The store's promises, kept by a local directory and by every S3 server that can be had here."""

import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pianola.objects import NotAKey, ObjectCorrupt, ObjectMissing, ObjectStore, StoreUnavailable, verified

MB = 2**20


def test_objects_come_back_whole(store: ObjectStore, tmp_path: Path) -> None:
    store.put("runs/1/a", b"music")
    assert store.get("runs/1/a") == b"music"
    assert store.exists("runs/1/a")
    assert not store.exists("runs/1")
    store.put("runs/1/none", b"")
    assert (store.get("runs/1/none"), store.head("runs/1/none", 5)) == (b"", b"")


def test_large_objects_come_back_whole(store: ObjectStore, tmp_path: Path) -> None:
    """More than one part of an upload, the last of them short, from a file and from memory."""
    big, back = tmp_path / "big", tmp_path / "back"
    big.write_bytes(os.urandom(37 * MB + 1))
    store.put_file("runs/1/big", big)
    back.write_bytes(b"what was there")
    store.get_file("runs/1/big", back)
    assert back.read_bytes() == big.read_bytes()
    store.put("runs/1/bytes", big.read_bytes())
    found = store.stat("runs/1/bytes")
    assert found is not None and found.size == 37 * MB + 1
    assert store.get("runs/1/bytes") == big.read_bytes()
    with store.open("runs/1/big") as stream:
        pieces = list(iter(lambda: stream.read(MB + 7), b""))
    assert {len(piece) for piece in pieces[:-1]} == {MB + 7}
    assert b"".join(pieces) == big.read_bytes()
    assert list(store.unfinished()) == []


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


def test_what_can_be_no_key_is_said_to_be_none(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    for key in ("", ".", "../a", "a/../b", "/a", "a//b", "a/", ".writing/x", "a\nb", "x" * 256, "ab/" * 342):
        for write in (lambda: store.put(key, b"x"), lambda: store.put_file(key, tmp_path / "file")):  # noqa: B023
            with pytest.raises(NotAKey, match="is not an object key") as told:
                write()
            assert told.value.key == key
        with pytest.raises((NotAKey, ObjectMissing, StoreUnavailable)):
            store.get(key)
    assert list(store.keys("")) == []


def test_keys_of_all_kinds_of_letters_are_kept_as_they_are(store: ObjectStore) -> None:
    odd = ["Größe/1", "a b", "a+b", "a%20b", "a&b=c?d#e", "q'\"<>", "x" * 255, "日本/曲"]
    for key in odd:
        store.put(key, key.encode())
    assert list(store.keys("")) == sorted(odd, key=str.encode)
    assert [store.get(key) for key in odd] == [key.encode() for key in odd]


def test_a_folder_is_no_object(store: ObjectStore, tmp_path: Path) -> None:
    store.put("runs/1/a", b"x")
    for key in ("runs", "runs/1", "runs/1/a/b"):
        assert (store.exists(key), store.stat(key)) == (False, None)
        for read in (store.get, store.open, lambda key: store.head(key, 5)):
            with pytest.raises(ObjectMissing, match=key):
                read(key)
        with pytest.raises(ObjectMissing, match=key):
            store.get_file(key, tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_long_listings_are_complete_and_in_order(store: ObjectStore) -> None:
    keys = [f"many/{number:04}" for number in range(1_050)]  # servers answer 1,000 at a time
    with ThreadPoolExecutor(8) as several:
        list(several.map(lambda key: store.put(key, b"x"), keys))
    store.put("more", b"x")
    assert list(store.keys("many/")) == keys
    assert [found.key for found in store.listed("many/10")] == keys[1_000:]
    assert list(store.keys("none/")) == []


def test_several_writers_of_one_key_leave_one_of_theirs(store: ObjectStore) -> None:
    """And whoever reads meanwhile reads one of them, whole. (Pianola's own would all write the same bytes.)"""
    written = [bytes([writer]) * (17 * MB + writer) for writer in range(4)]
    store.put("one", written[0])
    done = threading.Event()

    def read() -> int:
        count = 0
        while not done.is_set():
            assert store.get("one") in written
            count += 1
        return count

    with ThreadPoolExecutor(8) as several:
        readers = [several.submit(read) for _ in range(2)]
        try:
            for writing in [several.submit(store.put, "one", data) for data in written]:
                writing.result()
        finally:
            done.set()
        assert min(reader.result() for reader in readers) > 0
    assert store.get("one") in written
    assert list(store.keys("")) == ["one"]
    assert list(store.unfinished()) == []
