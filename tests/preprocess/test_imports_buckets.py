"""Imports from buckets."""

import io
import uuid
from collections.abc import Iterator, Mapping

import pytest
import servers
from packing import MIDI, packed, tarred, zipped
from pydantic import SecretStr

from pianola.objects import StoreUnavailable
from pianola.objects.s3 import S3Store
from pianola.records.tables import Json

from .importing import Importer


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
