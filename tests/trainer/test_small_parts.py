"""Course, means, memory, patience and spool."""

import errno
import fcntl
import os
import resource
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sqlalchemy.exc import IntegrityError, OperationalError

from pianola.memory import memory_bytes
from pianola.models.presets import resolve
from pianola.objects import StoreUnavailable
from pianola.spool import Spool, is_full
from pianola_trainer.batches import Batches
from pianola_trainer.checkpoints import Place, write_checkpoint
from pianola_trainer.course import Course
from pianola_trainer.errors import NoWindows
from pianola_trainer.exits import Exit
from pianola_trainer.means import Means
from pianola_trainer.patience import patiently
from pianola_trainer.process import run_attempt


@pytest.mark.parametrize(
    ("own", "limits", "expected"),
    [
        ("0::/", {}, None),
        ("0::/", {"memory.max": "max"}, None),
        ("0::/", {"memory.max": "4096"}, 4096),
        ("0::/a/b", {"memory.max": "8192", "a/memory.max": "4096", "a/b/memory.max": "max"}, 4096),
        ("0::/elsewhere", {"memory.max": "4096"}, 4096),
        ("5:cpu:/x\n4:memory:/x", {"memory/x/memory.limit_in_bytes": "4096"}, 4096),
        ("4:memory:/", {"memory/memory.limit_in_bytes": "9223372036854771712"}, None),
        ("", {}, None),
    ],
)
def test_memory_is_the_machines_or_what_a_control_group_leaves(
    tmp_path: Path, own: str, limits: dict[str, str], expected: int | None
) -> None:
    for name, limit in limits.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(limit + "\n")
    (tmp_path / "own").write_text(own)
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert memory_bytes(tmp_path, tmp_path / "own") == (machine if expected is None else expected)
    assert memory_bytes(tmp_path / "none", tmp_path / "none") == machine


def test_epochs_are_counted_in_steps() -> None:
    course = Course.of(resolve("gan", "thesis", {"epochs": 3}), Batches(np.arange(32), 8, 0))
    assert [course.done(step, 999.0) for step in (0, 11, 12)] == [False, False, True]
    assert course.fraction(6, 999.0) == 0.5


def test_seconds_are_counted_over_attempts_and_a_run_has_one_step_at_least() -> None:
    course = Course.of(resolve("gan", "thesis", {"seconds": 10.0}), Batches(np.arange(32), 8, 0))
    assert [course.done(step, elapsed) for step, elapsed in ((0, 11.0), (1, 9.0), (1, 10.0))] == [False, False, True]
    assert course.fraction(5, 2.5) == 0.25
    assert course.fraction(5, 25.0) == 1.0


def test_means_weigh_by_windows_and_begin_again() -> None:
    means = Means()
    means.add({"train_loss": 1.0}, windows=3, seconds=1.0)
    means.add({"train_loss": 5.0}, windows=1, seconds=1.0)
    assert means.take() == {"train_loss": 2.0, "windows_per_second": 2.0}
    assert means.take() == {}


class Flaky:
    """Fails with `error` so many times, then returns how often it was called."""

    def __init__(self, error: Exception, times: int) -> None:
        self.error, self.times, self.calls = error, times, 0

    def __call__(self) -> int:
        self.calls += 1
        if self.calls <= self.times:
            raise self.error
        return self.calls


AWAY = OperationalError("UPDATE", {}, sqlite3.OperationalError("database is locked"))
REFUSED = IntegrityError("INSERT", {}, sqlite3.IntegrityError("UNIQUE"))


@pytest.mark.parametrize("error", [StoreUnavailable("write x", "timed out"), AWAY])
def test_what_is_away_is_asked_again(error: Exception) -> None:
    assert patiently(Flaky(error, 1)) == 2


def test_what_is_refused_is_not() -> None:
    action = Flaky(REFUSED, 1)
    with pytest.raises(IntegrityError):
        patiently(action)
    assert action.calls == 1


def test_patience_ends() -> None:
    action = Flaky(AWAY, 99)
    with pytest.raises(OperationalError):
        patiently(action, seconds=0.3)
    assert action.calls == 2


def test_the_supervisor_starts_without_torch() -> None:
    check = "import sys, pianola_trainer.__main__; sys.exit('torch' in sys.modules or 'matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_a_run_for_a_gpu_is_refused_where_there_is_none() -> None:
    # In a process of its own, from which every GPU is hidden: torch's settings are the process's.
    code = "from pianola_trainer.process import set_up_training; set_up_training('cuda')"
    hidden = os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    ended = subprocess.run([sys.executable, "-c", code], env=hidden, capture_output=True, text=True, check=False)
    assert "CannotTrain" in ended.stderr
    assert "device cpu" in ended.stderr


def test_a_workspace_and_the_workers_folder_leave_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    with spool.open():
        with spool.workspace("run-a1") as workspace:
            (workspace / "checkpoint.safetensors").write_bytes(b"x")
            assert workspace.is_relative_to(tmp_path / "spool")
        assert not workspace.exists()
    assert [path.name for path in (tmp_path / "spool").iterdir()] == ["lock"]


def test_folders_of_killed_workers_are_removed_and_those_of_living_ones_kept(tmp_path: Path) -> None:
    for name in ("worker-dead", "worker-alive"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "checkpoint.safetensors").write_bytes(b"x")
        (tmp_path / name / "lock").touch()
    with (tmp_path / "worker-alive" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with Spool(tmp_path).open():
            assert not (tmp_path / "worker-dead").exists()
            assert (tmp_path / "worker-alive" / "checkpoint.safetensors").exists()


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (StoreUnavailable("read x", "connection refused"), Exit.AWAY, "the object store failed to read x"),
        (OperationalError("UPDATE", {}, sqlite3.OperationalError("refused")), Exit.AWAY, "refused"),
        (OSError(errno.ENOSPC, "No space left on device"), Exit.AWAY, "No space left"),
        (NoWindows(1, 0.5), Exit.REFUSED, "add files to it"),
        (FileNotFoundError(errno.ENOENT, "gone"), None, ""),
        (ZeroDivisionError("a fault"), None, ""),
    ],
)
def test_errors_are_classed_by_who_can_do_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, code: Exit | None, reason: str
) -> None:
    """The user: refused. Time: away. Nobody knows: it ends as a crash, and its log is kept."""

    def work(*_: object) -> None:
        raise error

    reads, writes = os.pipe()  # nothing is ordered, and the supervisor lives
    monkeypatch.setattr("sys.stdin", os.fdopen(reads))
    monkeypatch.setattr("sys.argv", ["attempt", "run_x", "1", str(tmp_path)])
    monkeypatch.setenv("PIANOLA_DATABASE_URL", "sqlite://")
    monkeypatch.setenv("PIANOLA_BROKER_URL", "redis://")
    monkeypatch.setenv("PIANOLA_OBJECTS_DIR", str(tmp_path))
    monkeypatch.setattr("pianola_trainer.process.configure_logs", lambda *_, **__: None)
    if code is None:
        with pytest.raises(type(error)):
            run_attempt(work, "run")
    else:
        assert run_attempt(work, "run") == code
        assert reason in (tmp_path / "refusal").read_text()
    assert writes  # open until here


def test_what_the_system_says_of_a_checkpoint_that_cannot_be_written_is_an_os_error(tmp_path: Path) -> None:
    learner = SimpleNamespace(tensors=lambda: {"weight": torch.ones(9)}, facts=dict)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large") as raised:
            write_checkpoint(tmp_path / "x", learner, Place(1, 0, 0, 0.0), {})  # type: ignore[arg-type]  # as far as it goes
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert raised.value.errno == errno.EFBIG
    assert [is_full(OSError(number, "")) for number in (errno.ENOSPC, errno.EFBIG)] == [True, False]
