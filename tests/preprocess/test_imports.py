"""Imports: from the web, from recipes, from buckets; what they refuse, and that nothing half-done stays."""

import hashlib
import io
import ssl
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import servers
from packing import MIDI, packed, tarred, zipped
from pydantic import SecretStr
from sqlalchemy import text

from pianola.intake import recipes
from pianola.objects import StoreUnavailable
from pianola.objects.layout import file_key
from pianola.objects.s3 import S3Store
from pianola.records import datasets, imports
from pianola.records.tables import Import, Json
from pianola.settings import PreprocessSettings
from pianola_preprocess.importing import fail_import, run_import
from pianola_preprocess.importing.download import Web
from pianola_preprocess.importing.retrying import Patience

from .building import Workshop
from .web import Answer, self_signed, serving
from .web import Web as Server


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as web:
        yield web


class Importer:
    """A dataset, and imports into it."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self.dataset_id = workshop.upload("set", {})
        self.pauses: list[float] = []

    def settings(self, **changed: Any) -> PreprocessSettings:
        base = {"import_private": True, "spool": self.workshop.folder / "spool"}
        return self.workshop.settings().model_copy(update=base | changed)

    def ask(self, source: Json) -> str:
        with self.workshop.records.write() as session:
            return imports.create(session, self.dataset_id, source).id

    def run(self, source: Json, store: Any = None, **changed: Any) -> Import:
        """The import, once it has ended."""
        import_id = self.ask(source)
        settings = self.settings(**changed)
        web = Web(settings.import_private, settings.import_max_bytes, Patience(pause=self.pauses.append))
        run_import(self.workshop.records, store or self.workshop.store, settings, import_id, web)
        return self.row(import_id)

    def url(self, url: str, data: bytes, **changed: Any) -> Import:
        return self.run({"kind": "url", "url": url, "sha256": sha256(data)}, **changed)

    def row(self, import_id: str) -> Import:
        with self.workshop.records.read() as session:
            return imports.get(session, import_id)

    def names(self) -> list[str]:
        with self.workshop.records.read() as session:
            return [file.name for file in datasets.files_page(session, self.dataset_id, 1000, None).rows]

    def events(self) -> list[str]:
        with self.workshop.records.read() as session:
            query = text("SELECT kind FROM events WHERE subject_id = :id ORDER BY number")
            return list(session.scalars(query, {"id": self.dataset_id}))


@pytest.fixture
def importer(workshop: Workshop) -> Iterator[Importer]:
    made = Importer(workshop)
    yield made
    spool = workshop.folder / "spool"
    assert not spool.exists() or list(spool.iterdir()) == []


ARCHIVE = {"one/a.mid": MIDI, "one/b.mid": MIDI + b"2", "one/notes.txt": b"x"}


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/files/set.zip", zipped(ARCHIVE)),
        ("/files/set.tar", tarred(ARCHIVE)),
        ("/files/set.tar.gz?token=1", packed(tarred(ARCHIVE))),
        ("/zip/0992bb6", zipped(ARCHIVE)),
        ("/download", packed(tarred(ARCHIVE))),
        ("/", tarred(ARCHIVE)),
    ],
)
def test_an_archive_on_the_web_is_imported(importer: Importer, server: Server, path: str, data: bytes) -> None:
    row = importer.url(server.put(path, Answer(data)), data)
    assert (row.state, row.error) == ("succeeded", None)
    assert (row.files_added, row.files_unchanged, row.files_skipped) == (2, 0, 1)
    assert row.skipped == [{"name": "one/notes.txt", "reason": "not a MIDI file by its name"}]
    assert importer.names() == ["one/a.mid", "one/b.mid"]
    assert importer.workshop.store.get(file_key(importer.dataset_id, sha256(MIDI))) == MIDI
    assert importer.events()[-2:] == ["import_queued", "import_succeeded"]


def test_the_same_import_again_changes_nothing(importer: Importer, server: Server) -> None:
    data = zipped(ARCHIVE)
    url = server.put("/set.zip", Answer(data))
    importer.url(url, data)
    again = importer.url(url, data)
    assert (again.state, again.files_added, again.files_unchanged) == ("succeeded", 0, 2)


def test_a_single_file_on_the_web_is_imported(importer: Importer, server: Server) -> None:
    assert importer.url(server.put("/a%20song.mid", Answer(MIDI)), MIDI).state == "succeeded"
    assert importer.url(server.put("/raw/17", Answer(MIDI)), MIDI).state == "succeeded"
    assert importer.names() == ["17.mid", "a song.mid"]


def test_the_file_is_asked_for_as_it_lies_there(importer: Importer, server: Server) -> None:
    data = packed(tarred(ARCHIVE))
    row = importer.url(server.put("/a.tgz", Answer(data, headers={"Content-Encoding": "gzip"})), data)
    assert row.state == "succeeded"
    _, headers = server.asked[0]
    assert headers["Accept-Encoding"] == "identity"
    assert headers["Host"] == f"127.0.0.1:{server.port}"
    assert "Cookie" not in headers
    assert "Authorization" not in headers


def test_redirects_are_followed_five_times(importer: Importer, server: Server) -> None:
    data = zipped(ARCHIVE)
    for hop in range(5):
        server.put(f"/{hop}", Answer(status=302, headers={"Location": f"/{hop + 1}"}))
    server.put("/5", Answer(data))
    assert importer.url(f"http://127.0.0.1:{server.port}/0", data).state == "succeeded"
    server.put("/5", Answer(status=307, headers={"Location": "/6"}))
    row = importer.url(f"http://127.0.0.1:{server.port}/0", data)
    assert "more than 5 times" in str(row.error)


def test_proxies_of_the_environment_are_not_used(
    importer: Importer, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    data = zipped(ARCHIVE)
    assert importer.url(server.put("/set.zip", Answer(data)), data).state == "succeeded"


def test_private_addresses_are_refused_unless_allowed(importer: Importer, server: Server) -> None:
    url = server.put("/set.zip", Answer(b"secret"))
    for host in ("127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"):
        row = importer.url(url.replace("127.0.0.1", host), b"secret", import_private=False)
        assert row.state == "failed"
        assert "not an address of the public internet" in str(row.error)
        assert "PIANOLA_IMPORT_PRIVATE=true" in str(row.error)
    assert server.asked == []


def test_a_redirect_to_a_private_address_is_refused(
    importer: Importer, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = zipped(ARCHIVE)
    inner = server.put("/inner.zip", Answer(data)).replace("127.0.0.1", "localhost")
    outer = server.put("/outer", Answer(status=302, headers={"Location": inner}))
    # The guard lets the first hop through, as it would a public one, and judges the second by its address.
    monkeypatch.setattr("pianola_preprocess.importing.guard.is_public", lambda _: len(server.asked) == 0)
    row = importer.url(outer, data, import_private=False)
    assert "localhost leads to" in str(row.error)
    assert [path for path, _ in server.asked] == ["/outer"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(status=404), "nothing lies at"),
        (Answer(status=410), "nothing lies at"),
        (Answer(status=403), "fetch it yourself and upload it"),
        (Answer(status=401), "fetch it yourself and upload it"),
        (Answer(status=204), "instead of a file"),
        (Answer(status=302), "without saying where"),
        (Answer(status=302, headers={"Location": "ftp://example.org/a.zip"}), "http:// or https://"),
        (Answer(status=302, headers={"Location": "http://user:secret@example.org/"}), "leave them out"),
        (Answer(b"x" * 20_000), "an import may bring 10,000"),
        (Answer(b"x" * 20_000, sized=False), "an import may bring 10,000"),
        (Answer(b"other"), "it was changed or damaged"),
    ],
)
def test_what_a_server_answers_amiss_is_said(importer: Importer, server: Server, answer: Answer, words: str) -> None:
    row = importer.url(server.put("/a.zip?key=hidden", answer), b"expected", import_max_bytes=10_000)
    assert row.state == "failed"
    assert words in str(row.error)
    assert "hidden" not in str(row.error)
    assert importer.names() == []
    assert importer.events()[-1] == "import_failed"
    assert importer.pauses == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://example.org/a.zip", "http:// or https://"),
        ("file:///etc/passwd", "http:// or https://"),
        ("/a.zip", "http:// or https://"),
        ("http://", "names no server"),
        ("http://user:secret@example.org/a.zip", "leave them out"),
        ("http://[::1/a.zip", "is not an address"),
        ("http://example.org:99999/a.zip", "is not an address"),
    ],
)
def test_addresses_that_are_none(importer: Importer, url: str, words: str) -> None:
    error = str(importer.url(url, b"").error)
    assert words in error
    assert "secret" not in error


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<!DOCTYPE html>", "begins with b'<!DOCTYPE html>'"),
        (zipped({"readme.txt": b"x"}), "readme.txt: not a MIDI file by its name"),
        (zipped({}), "there are no MIDI files in it"),
        (zipped(ARCHIVE)[:-30], "not a readable zip"),
        (packed(tarred(ARCHIVE))[:-30], "not a readable tar"),
        (packed(b"x" * 5000), "not a readable tar"),
    ],
    ids=["page", "no music", "empty", "cut zip", "cut tar", "gzip"],
)
def test_what_holds_no_music_adds_nothing(importer: Importer, server: Server, data: bytes, words: str) -> None:
    row = importer.url(server.put("/a", Answer(data)), data)
    assert row.state == "failed"
    assert words in str(row.error)
    assert importer.names() == []


@pytest.mark.parametrize("fault", [Answer(status=503), Answer(status=429), Answer(zipped(ARCHIVE), cut=50)])
def test_a_fault_that_passes_is_waited_for(importer: Importer, server: Server, fault: Answer) -> None:
    data = zipped(ARCHIVE)
    row = importer.url(server.put("/set.zip", fault, fault, Answer(data)), data)
    assert row.state == "succeeded"
    assert importer.pauses == [1, 4]


def test_a_fault_that_stays_ends_the_import(importer: Importer, server: Server) -> None:
    row = importer.url(server.put("/set.zip", Answer(status=502)), b"")
    assert "failed 4 times" in str(row.error)
    assert "answered 502" in str(row.error)
    gone = importer.url(f"http://127.0.0.1:{servers.free_port()}/set.zip", b"")
    assert "does not answer at 127.0.0.1" in str(gone.error)


def test_a_server_that_does_not_prove_its_name_is_not_asked(importer: Importer, tmp_path: Path) -> None:
    with serving(self_signed(tmp_path / "server.pem", "localhost")) as server:
        server.put("/a.zip", Answer(b"x"))
        row = importer.url(f"https://localhost:{server.port}/a.zip", b"x")
    assert "does not prove that it is localhost" in str(row.error)
    assert server.asked == []


def test_tls_is_checked_for_the_name_and_not_for_the_address(
    importer: Importer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path / "server.pem", "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert ssl.get_default_verify_paths().cafile == str(certificate)
    data = zipped(ARCHIVE)
    with serving(certificate) as server:
        server.put("/a.zip", Answer(data))
        assert importer.url(f"https://localhost:{server.port}/a.zip", data).state == "succeeded"
        wrong = importer.url(f"https://127.0.0.1:{server.port}/a.zip", data)
    assert "does not prove that it is 127.0.0.1" in str(wrong.error)


def test_plain_http_on_the_port_of_https_is_said(importer: Importer, server: Server) -> None:
    row = importer.url(f"https://127.0.0.1:{server.port}/a.zip", b"")
    assert "does not prove" in str(row.error)


def test_a_recipe_is_fetched_checked_and_placed(
    importer: Importer, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = zipped({"set-1/midi/Bach/a.mid": MIDI, "set-1/midi/Songs/b.mid": MIDI, "set-1/README.md": b"x"})
    recipe = recipes.Recipe(
        name="set-1",
        title="Set 1",
        about="",
        homepage="",
        url=server.put("/zip/1", Answer(data)),
        sha256=sha256(data),
        size=len(data),
        files=1,
        licence="CC0",
        licence_url="https://creativecommons.org/publicdomain/zero/1.0/",
        attribution="",
        root="set-1/midi/",
        left_out=("Songs/",),
    )
    monkeypatch.setattr(recipes, "RECIPES", {"set-1": recipe})
    row = importer.run({"kind": "recipe", "recipe": "set-1", "accept_licence": True})
    assert (row.state, row.files_added, row.files_skipped) == ("succeeded", 1, 0)
    assert importer.names() == ["Bach/a.mid"]


def test_a_recipe_whose_licence_is_not_accepted_fetches_nothing(importer: Importer) -> None:
    for source in (
        {"kind": "recipe", "recipe": "maestro-v3"},
        {"kind": "recipe", "recipe": "maestro-v3", "accept_licence": False},
    ):
        row = importer.run(source, import_private=False)
        assert "CC BY-NC-SA 4.0" in str(row.error)
        assert "accept it" in str(row.error)
    assert "there are maestro-v3" in str(importer.run({"kind": "recipe", "recipe": "x", "accept_licence": True}).error)


@pytest.mark.parametrize("source", [{}, {"kind": "ftp"}, {"kind": "url", "url": "http://example.org"}, {"kind": "s3"}])
def test_a_source_of_no_kind_is_answered_with_those_there_are(importer: Importer, source: Mapping[str, object]) -> None:
    assert "is not a source" in str(importer.run(dict(source)).error)


class Bucket:
    """A bucket on the S3 server, and settings that let imports read it."""

    def __init__(self, server: servers.S3, files: Mapping[str, bytes]) -> None:
        self.name = f"music-{uuid.uuid4().hex}"
        self.store = S3Store(server.endpoint, server.access_key, server.secret_key, self.name, "us-east-1")
        self.store.create_bucket()
        for key, data in files.items():
            # By the client: folders of others have keys that we would not write.
            self.store._client.put_object(self.name, key, io.BytesIO(data), len(data))
        self.settings = {
            "import_buckets": (self.name,),
            "import_s3_endpoint": server.endpoint,
            "import_s3_access_key": server.access_key,
            "import_s3_secret_key": SecretStr(server.secret_key),
        }

    def source(self, prefix: str) -> Json:
        return {"kind": "s3", "bucket": self.name, "prefix": prefix}


FILES = {
    "music/bach/a.mid": MIDI,
    "music/bach/b.MID": MIDI + b"2",
    "music/bach/.hidden.mid": b"x",
    "music/readme.txt": b"x",
    "music/large.mid": bytes(9 * 2**20),
    "music/more.zip": zipped({"c.mid": MIDI + b"3"}),
    "music/more.tar.gz": packed(tarred({"d.mid": MIDI + b"4"})),
    "music/broken.zip": b"no zip",
    "music/folder/": b"",
    "elsewhere/e.mid": MIDI,
}


def test_a_prefix_in_a_bucket_is_imported(importer: Importer, s3: servers.S3) -> None:
    bucket = Bucket(s3, FILES)
    row = importer.run(bucket.source("music/"), **bucket.settings)
    assert (row.state, row.error) == ("succeeded", None)
    assert importer.names() == ["bach/a.mid", "bach/b.MID", "c.mid", "d.mid"]
    assert {entry["name"]: entry["reason"] for entry in row.skipped} == {
        "readme.txt": "not a MIDI file by its name",
        "large.mid": "it is larger than 8,388,608 bytes",
        "broken.zip": "it is not a readable zip: File is not a zip file",
    }


def test_names_begin_behind_the_last_slash_of_the_prefix(importer: Importer, s3: servers.S3) -> None:
    bucket = Bucket(s3, FILES)
    assert importer.run(bucket.source("music/bach/a"), **bucket.settings).state == "succeeded"
    assert importer.run(bucket.source("else"), **bucket.settings).state == "succeeded"
    assert importer.names() == ["a.mid", "elsewhere/e.mid"]


def test_an_empty_prefix_and_one_too_large_are_said(importer: Importer, s3: servers.S3) -> None:
    bucket = Bucket(s3, FILES)
    assert "there are no MIDI files" in str(importer.run(bucket.source("nothing/"), **bucket.settings).error)
    row = importer.run(bucket.source("music/"), **bucket.settings, import_max_bytes=1000)
    assert "PIANOLA_IMPORT_MAX_BYTES" in str(row.error)
    assert importer.names() == []


def test_only_buckets_that_were_named_are_read(importer: Importer, s3: servers.S3) -> None:
    bucket = Bucket(s3, FILES)
    other = importer.run(bucket.source("music/"), **bucket.settings | {"import_buckets": ("music-b", "music-c")})
    assert "there are: music-b, music-c" in str(other.error)
    gone = importer.run(
        {"kind": "s3", "bucket": "music-gone", "prefix": ""}, **bucket.settings | {"import_buckets": ("music-gone",)}
    )
    assert "NoSuchBucket" in str(gone.error)
    nowhere = importer.run(bucket.source("music/"), import_buckets=(bucket.name,))
    assert "PIANOLA_IMPORT_S3_ENDPOINT" in str(nowhere.error)
    assert importer.names() == []


def test_an_s3_server_that_is_away_ends_the_import_after_some_tries(importer: Importer, s3: servers.S3) -> None:
    bucket = Bucket(s3, {})
    away = bucket.settings | {"import_s3_endpoint": f"http://127.0.0.1:{servers.free_port()}"}
    row = importer.run(bucket.source(""), **away)
    assert "failed 4 times" in str(row.error)
    assert importer.pauses == [1, 4, 15]


def test_a_listing_that_breaks_off_goes_on_behind_the_last_key(
    importer: Importer, s3: servers.S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket(s3, {f"{number}.mid": MIDI for number in range(6)})
    listed = S3Store.keys
    breaks = [2, 4]

    def breaking(store: S3Store, prefix: str) -> Iterator[str]:
        for number, key in enumerate(listed(store, prefix)):
            if breaks and number == breaks[0]:
                breaks.pop(0)
                raise StoreUnavailable("list", "it is away")
            yield key

    monkeypatch.setattr(S3Store, "keys", breaking)
    assert importer.run(bucket.source(""), **bucket.settings).state == "succeeded"
    assert importer.names() == [f"{number}.mid" for number in range(6)]
    assert importer.pauses == [1, 1]


class FailingStore:
    """A store that is away from its second object on."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.puts = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put(self, key: str, data: bytes) -> None:
        self.puts += 1
        if self.puts == 2:
            raise StoreUnavailable("write", "it is away")
        self._store.put(key, data)


def test_an_outage_of_the_store_gives_the_import_back_and_the_next_try_ends_it(
    importer: Importer, server: Server
) -> None:
    data = zipped(ARCHIVE)
    source = {"kind": "url", "url": server.put("/set.zip", Answer(data)), "sha256": sha256(data)}
    with pytest.raises(StoreUnavailable):
        importer.run(source, FailingStore(importer.workshop.store))
    (import_id,) = _ids(importer)
    assert (importer.row(import_id).state, importer.names()) == ("queued", [])
    run_import(importer.workshop.records, importer.workshop.store, importer.settings(), import_id)
    assert importer.row(import_id).state == "succeeded"
    assert importer.names() == ["one/a.mid", "one/b.mid"]


def test_a_conflict_adds_nothing_of_the_import(importer: Importer, server: Server) -> None:
    importer.workshop.add(importer.dataset_id, {"one/b.mid": MIDI})
    data = zipped(ARCHIVE)
    row = importer.url(server.put("/set.zip", Answer(data)), data)
    assert "'one/b.mid'" in str(row.error)
    assert importer.names() == ["one/b.mid"]


def test_a_dataset_that_was_closed_meanwhile_takes_nothing(importer: Importer, server: Server) -> None:
    data = zipped(ARCHIVE)
    import_id = importer.ask({"kind": "url", "url": server.put("/set.zip", Answer(data)), "sha256": sha256(data)})
    with importer.workshop.records.write() as session:
        session.execute(text("UPDATE datasets SET state = 'built' WHERE id = :id"), {"id": importer.dataset_id})
    run_import(importer.workshop.records, importer.workshop.store, importer.settings(), import_id)
    assert "is built" in str(importer.row(import_id).error)


def test_a_second_delivery_finds_nothing_to_do(importer: Importer, server: Server) -> None:
    data = zipped(ARCHIVE)
    import_id = importer.ask({"kind": "url", "url": server.put("/set.zip", Answer(data)), "sha256": sha256(data)})
    for _ in range(2):
        run_import(importer.workshop.records, importer.workshop.store, importer.settings(), import_id)
    assert len(server.asked) == 1
    assert importer.row(import_id).attempt == 1


def test_the_lease_is_kept_while_the_import_takes_its_time(importer: Importer, server: Server) -> None:
    data = zipped(ARCHIVE)
    arrived, go_on = threading.Event(), threading.Event()
    import_id = importer.ask({"kind": "url", "url": server.put("/set.zip", Answer(data)), "sha256": sha256(data)})
    settings = importer.settings(lease_seconds=1, heartbeat_seconds=0.1)
    work = threading.Thread(
        target=run_import,
        args=(importer.workshop.records, _Waiting(importer.workshop.store, arrived, go_on), settings, import_id),
    )
    work.start()
    assert arrived.wait(10)
    first = importer.row(import_id).lease_until
    servers.wait_for(lambda: importer.row(import_id).lease_until > first, 10, "a heartbeat")
    servers.wait_for(lambda: importer.row(import_id).bytes_done == len(data), 10, "progress")
    assert importer.row(import_id).bytes_total == len(data)
    with importer.workshop.records.write() as session:
        assert imports.claim(session, import_id, 1) is None
    go_on.set()
    work.join(10)
    assert importer.row(import_id).state == "succeeded"


def test_whoever_lost_the_lease_adds_nothing(importer: Importer, server: Server) -> None:
    data = zipped(ARCHIVE)
    arrived, go_on = threading.Event(), threading.Event()
    import_id = importer.ask({"kind": "url", "url": server.put("/set.zip", Answer(data)), "sha256": sha256(data)})
    work = threading.Thread(
        target=run_import,
        args=(
            importer.workshop.records,
            _Waiting(importer.workshop.store, arrived, go_on),
            importer.settings(heartbeat_seconds=60),
            import_id,
        ),
    )
    work.start()
    assert arrived.wait(10)
    with importer.workshop.records.write() as session:
        session.execute(text("UPDATE imports SET attempt = attempt + 1"))
    go_on.set()
    work.join(10)
    assert (importer.row(import_id).state, importer.names()) == ("running", [])


class _Waiting:
    """A store that waits before its first object."""

    def __init__(self, store: Any, arrived: threading.Event, go_on: threading.Event) -> None:
        self._store, self._arrived, self._go_on = store, arrived, go_on

    def __getattr__(self, name: str) -> Callable[..., Any]:
        self._arrived.set()
        assert self._go_on.wait(20)
        found: Callable[..., Any] = getattr(self._store, name)
        return found


def test_a_fault_of_pianola_ends_the_import(importer: Importer) -> None:
    import_id = importer.ask({"kind": "s3", "bucket": "b", "prefix": ""})
    with importer.workshop.records.write() as session:
        imports.claim(session, import_id, 60)
    fail_import(importer.workshop.records, import_id, "a fault in Pianola")
    fail_import(importer.workshop.records, import_id, "a later one")
    assert importer.row(import_id).error == "a fault in Pianola"


def test_many_skipped_files_are_counted_and_the_first_are_named(importer: Importer, server: Server) -> None:
    data = zipped({"a.mid": MIDI} | {f"{number}.txt": b"" for number in range(300)})
    row = importer.url(server.put("/set.zip", Answer(data)), data)
    assert (row.files_added, row.files_skipped, len(row.skipped)) == (1, 300, 100)


def _ids(importer: Importer) -> list[str]:
    with importer.workshop.records.read() as session:
        return [row.id for row in imports.list_page(session, importer.dataset_id, 10, None).rows]
