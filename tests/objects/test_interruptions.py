"""Writers that are killed, servers that go away: nothing half-written is ever seen, and the error tells what was."""

import os
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import servers

from pianola.objects import LocalStore, ObjectStore, StoreUnavailable
from pianola.objects.s3 import S3Store

from .conftest import on
from .line import line

MB = 2**20
LARGE = 60 * MB
PUT = "import sys; from pathlib import Path; from pianola.objects import LocalStore\n"
LOCALLY = f"{PUT}LocalStore(Path(sys.argv[1])).put_file('large', Path(sys.argv[2]))"
ON_SERVER = (
    "import sys; from pathlib import Path; from pianola.objects.s3 import S3Store\n"
    "S3Store(*sys.argv[1:6]).put_file('large', Path(sys.argv[6]))"
)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of four parts."""
    path = tmp_path / "large"
    path.write_bytes(os.urandom(LARGE))
    return path


def swept(store: ObjectStore, *, dated: bool = True) -> None:
    """What a killed writer left is seen by whoever sweeps, by nobody else, and then gone."""
    assert (list(store.keys("")), store.exists("large")) == ([], False)
    (left,) = store.unfinished()
    assert not dated or datetime.now(UTC) - left.begun < timedelta(minutes=1)
    store.abandon(left)
    store.abandon(left)
    assert list(store.unfinished()) == []
    assert list(store.keys("")) == []


def test_a_writer_killed_half_way_leaves_nothing_that_is_seen(tmp_path: Path) -> None:
    pipe, root = tmp_path / "pipe", tmp_path / "objects"
    os.mkfifo(pipe)
    with subprocess.Popen([sys.executable, "-c", LOCALLY, root, pipe]) as writer, pipe.open("wb") as source:
        source.write(bytes(3 * MB))  # and no end: the writer waits for more
        servers.wait_for(lambda: any(left.size > MB for left in LocalStore(root).unfinished()), 10, "half a file")
        writer.kill()
    swept(LocalStore(root))


def test_a_writer_killed_half_way_through_an_upload(server: servers.S3, bucket: str, large: Path) -> None:
    with line(server.endpoint, "up", LARGE // 2, silent=True) as slow:
        given = [slow.endpoint, server.access_key, server.secret_key, bucket, "us-east-1", str(large)]
        with subprocess.Popen([sys.executable, "-c", ON_SERVER, *given]) as writer:
            assert slow.over.wait(30)
            assert writer.poll() is None
            writer.kill()
    swept(on(server, bucket), dated=server.signed)  # moto dates every upload 2010


def test_a_server_gone_while_it_is_written_to(server: servers.S3, bucket: str, large: Path) -> None:
    store = on(server, bucket)
    with line(server.endpoint, "up", LARGE // 2) as broken:
        with pytest.raises(StoreUnavailable, match="failed to write large: "):
            on(server, bucket, endpoint=broken.endpoint).put_file("large", large)
        assert broken.over.is_set()
    assert list(store.keys("")) == []
    for left in store.unfinished():
        store.abandon(left)
    store.put_file("large", large)
    assert store.get("large") == large.read_bytes()


def test_an_upload_whose_file_ends_too_early_is_taken_back(server: servers.S3, bucket: str, large: Path) -> None:
    store = on(server, bucket)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "stat", lambda path: os.stat_result([0] * 6 + [LARGE + MB, 0, 0, 0]))
        with pytest.raises(StoreUnavailable, match="not enough data"):
            store.put_file("large", large)
    assert (list(store.keys("")), list(store.unfinished())) == ([], [])


def test_a_server_gone_while_it_is_read(server: servers.S3, bucket: str, tmp_path: Path) -> None:
    """Whatever way it is read: no bytes are taken for the whole, and a file that was there stays."""
    on(server, bucket).put("large", os.urandom(10 * MB))
    target = tmp_path / "target"

    def streamed(store: ObjectStore) -> None:
        with closing(store.open("large")) as stream:
            while stream.read(MB):
                pass

    for before in (None, b"what was there"):
        if before is not None:
            target.write_bytes(before)
        for read in (
            lambda store: store.get("large"),
            lambda store: store.head("large", 9 * MB),
            lambda store: store.get_file("large", target),
            streamed,
        ):
            with line(server.endpoint, "down", 5 * MB) as broken:
                with pytest.raises(StoreUnavailable, match="failed to read large: "):
                    read(on(server, bucket, endpoint=broken.endpoint))
                assert broken.over.is_set()
        assert (target.read_bytes() if target.exists() else None) == before
        assert [path.name for path in tmp_path.iterdir()] == (["target"] if before else [])


def test_a_listing_that_breaks_off_is_no_short_listing(server: servers.S3, bucket: str) -> None:
    store = on(server, bucket)
    for number in range(40):
        store.put(f"a/{number}", b"x")
    with line(server.endpoint, "down", 3_000) as broken, pytest.raises(StoreUnavailable, match="failed to list a/"):
        list(on(server, bucket, endpoint=broken.endpoint).keys("a/"))


def test_a_server_that_is_not_there() -> None:
    store = S3Store(f"http://127.0.0.1:{servers.free_port()}", "a", "b", "bucket", "us-east-1")
    for action, ask in {
        "find the bucket": store.ready,
        "write a": lambda: store.put("a", b"x"),
        "read a": lambda: store.get("a"),
    }.items():
        with pytest.raises(StoreUnavailable, match=f"failed to {action}"):
            ask()


@pytest.mark.parametrize("wrong", [{"secret_key": "wrong-secret-key"}, {"access_key": "nobody"}])
def test_wrong_keys_are_refused_in_words(server: servers.S3, bucket: str, wrong: dict[str, str]) -> None:
    if not server.signed:
        pytest.skip("moto checks no signature")
    on(server, bucket).put("a", b"x")
    store = on(server, bucket, **wrong)
    for ask in (store.ready, lambda: store.put("a", b"y"), lambda: store.get("a"), lambda: store.exists("a"),
                lambda: list(store.keys("")), lambda: store.delete("a"), lambda: list(store.unfinished())):  # fmt: skip
        with pytest.raises(StoreUnavailable, match="look at PIANOLA_S3_ACCESS_KEY and PIANOLA_S3_SECRET_KEY"):
            ask()
    assert on(server, bucket).get("a") == b"x"


def test_a_bucket_that_is_not_there_is_named(server: servers.S3) -> None:
    with pytest.raises(StoreUnavailable, match="find the bucket nowhere: it does not exist"):
        on(server, "nowhere").ready()
    with pytest.raises(StoreUnavailable, match="NoSuchBucket"):
        on(server, "nowhere").get("a")


def test_nothing_half_written_stays_in_a_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    store = LocalStore(tmp_path)
    with pytest.raises(StoreUnavailable, match="write file/below"):
        store.put("file/below", b"x")
    assert list(store.keys("")) == ["file"]
    assert list(store.unfinished()) == []
