"""The way in: what is kept, how far is read, and when it is stored for certain."""

import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import servers
from packing import MIDI, ROOMY, zipped

from pianola.intake import putting
from pianola.intake.collect import Intake
from pianola.intake.entries import Limits, Skipped
from pianola.intake.putting import Putting
from pianola.objects import LocalStore, StoreUnavailable
from pianola.objects.layout import file_key
from pianola.records.datasets import NewFile


def test_a_file_is_stored_under_its_digest_when_the_block_has_ended(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with Intake(store, "ds", ROOMY) as intake:
        file = intake.file("folder/a.mid", [MIDI[:5], MIDI[5:]])
    assert isinstance(file, NewFile)
    assert store.get(file_key("ds", file.sha256)) == MIDI


def test_a_file_that_is_too_large_is_read_no_further(tmp_path: Path) -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        while True:
            read += 1000
            yield bytes(1000)

    with Intake(LocalStore(tmp_path), "ds", Limits(5000, 10**6, 10)) as intake:
        found = intake.file("a.mid", endless())
    assert found == Skipped("a.mid", "it is larger than 5,000 bytes")
    assert read == 6000


def test_limits_hold_for_all_that_comes_at_once(tmp_path: Path) -> None:
    with Intake(LocalStore(tmp_path), "ds", Limits(1000, 2500, 4)) as intake:
        found = [intake.file("a.mid", [bytes(1000)])]
        found += intake.archive("b.zip", io.BytesIO(zipped({"b.mid": bytes(1000), "c.mid": bytes(1000)})))
        found += [intake.file("d.mid", [bytes(100)]), intake.file("e.mid", [b""])]
    assert [type(file) for file in found] == [NewFile, NewFile, Skipped, NewFile, Skipped]
    reasons = [file.reason for file in found if isinstance(file, Skipped)]
    assert "2,500 bytes" in reasons[0]
    assert "more than 4 files" in reasons[1]


class Store:
    """A store whose puts wait, or fail."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.begun = 0
        self.fails = False

    def stat(self, _key: str) -> None:
        return None

    def put(self, _key: str, _data: bytes) -> None:
        self.begun += 1
        assert self.go_on.wait(20)
        if self.fails:
            raise StoreUnavailable("write", "it is away")


def test_a_store_that_fails_is_said_before_the_files_are_anyones(tmp_path: Path) -> None:
    store: Any = Store()
    store.go_on.set()
    store.fails = True
    with pytest.raises(StoreUnavailable), Intake(store, "ds", ROOMY) as intake:
        intake.file("a.mid", [MIDI])


@pytest.mark.parametrize(("size", "most"), [(0, 64), (2**20, 4), (2**23, 1)])
def test_few_objects_wait_for_the_store_and_fewer_when_they_are_large(size: int, most: int) -> None:
    store: Any = Store()
    puts = Putting(store)
    given = 0

    def give() -> None:
        nonlocal given
        for number in range(100):
            puts.put(str(number), bytes(size))
            given += 1

    giving = threading.Thread(target=give)
    giving.start()
    servers.wait_for(lambda: given == most, 10, "the objects that may wait")
    assert giving.is_alive()
    assert store.begun <= putting.AT_ONCE
    store.go_on.set()
    giving.join(20)
    puts.finish()
    puts.close()
    assert store.begun == 100
