"""The same journey twice: everything on one machine, and every service a process of its own on real servers."""

import contextlib
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
from corpus import data_folder, has_data

from .collection import collect
from .journey import travel


def odd_files(folder: Path) -> list[Path]:
    """Every file of `dirty`; where the data is not there, one that is no MIDI file, written to `folder`."""
    if has_data("dirty"):
        return sorted(data_folder("dirty").glob("*.mid"))
    words = folder / "words.mid"
    words.write_bytes(b"These are words, not music.")
    return [words]


def test_on_one_machine(embedded: servers.Embedded, tmp_path: Path) -> None:
    travel(embedded.url, embedded.url, data_folder("small"), odd_files(tmp_path))


def test_a_collection_on_one_machine(embedded: servers.Embedded, tmp_path: Path) -> None:
    collect(embedded.url, data_folder("small"), tmp_path)


@pytest.fixture
def cluster(postgres_url: str, broker_url: str, s3: servers.S3, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """api, sampler, two preprocess workers and a trainer on PostgreSQL, Valkey and S3; yields both URLs."""
    ports = {"api": servers.free_port(), "sampler": servers.free_port()}
    environment = {
        "PIANOLA_DATABASE_URL": postgres_url,
        "PIANOLA_BROKER_URL": broker_url,
        "PIANOLA_AUTH": "none",
        "PIANOLA_IMPORT_PRIVATE": "true",
        "PIANOLA_TORCH_THREADS": "1",
        "PIANOLA_CONCURRENCY": "1",
        **s3.environment(f"journey-{uuid.uuid4().hex}"),
    }
    with contextlib.ExitStack() as stack:
        for number, name in enumerate(["api", "sampler", "preprocess", "preprocess", "trainer"]):
            own = environment | {
                "PIANOLA_SPOOL": str(tmp_path / f"spool-{number}"),
                "PIANOLA_WORKER": f"{name}-{number}",
            }
            if name in ports:
                own["PIANOLA_PORT"] = str(ports[name])
            command = [sys.executable, "-m", f"pianola_{name}"]
            stack.enter_context(servers.process(command, own, tmp_path / f"{name}-{number}.log"))
        urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        for name, url in urls.items():
            servers.wait_for(lambda url=url: servers.answers(f"{url}/readyz"), 30, f"{name} ready")
        yield urls["api"], urls["sampler"]


def test_on_many(cluster: tuple[str, str], tmp_path: Path) -> None:
    api_url, sampler_url = cluster
    collect(api_url, data_folder("small"), tmp_path)
    travel(api_url, sampler_url, data_folder("small"), odd_files(tmp_path))
