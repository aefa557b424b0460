"""Imports from the web: what is fetched, from whom, and what is said of what cannot be."""

import ssl
from pathlib import Path

import pytest
import servers
from packing import MIDI, packed, tarred, zipped

from pianola.objects.layout import file_key

from .importing import ARCHIVE, Importer, sha256
from .web import Answer, self_signed, serving
from .web import Web as Server


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
