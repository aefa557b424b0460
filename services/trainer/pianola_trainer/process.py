"""What both kinds of attempts do alike: obey their supervisor, set torch up, and say how they ended."""

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import structlog

from pianola.logs import configure_logs
from pianola.records.errors import StaleAttempt
from pianola.settings import TrainerSettings
from pianola_trainer.errors import CannotTrain
from pianola_trainer.exits import Exit
from pianola_trainer.orders import RANK, Asked, Orders
from pianola_trainer.patience import is_transient

Work = Callable[[str, int, TrainerSettings, Path, Orders], None]
"""(id, attempt, settings, workspace, orders); raises Asked, StaleAttempt or CannotTrain to end early."""

_log = structlog.get_logger("attempt")


def run_attempt(work: Work, subject: Literal["run", "evaluation"]) -> int:
    """Run `work` as `python -m MODULE ID ATTEMPT WORKSPACE`, a child of the worker; returns the exit code.

    subject: what the id is of, as it is called in every line of the log.
    """
    identity, attempt, workspace = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    # First of all: a supervisor that dies while torch is imported is noticed too.
    rank = int(os.environ.get(RANK, "0"))
    orders = Orders(sys.stdin, workspace if rank == 0 else None)
    settings = TrainerSettings()
    configure_logs(settings, "trainer", **{subject: identity}, attempt=attempt, **({"rank": rank} if rank else {}))
    try:
        work(identity, attempt, settings, workspace, orders)
    except Asked as asked:
        _log.info("released", order=asked.order)
        return Exit.RELEASED
    except StaleAttempt as stale:
        _log.warning("stale", reason=str(stale))
        return Exit.STALE
    except CannotTrain as refusal:
        _log.warning("refused", reason=str(refusal))
        (workspace / "refusal").write_text(str(refusal), encoding="utf-8")
        return Exit.REFUSED
    except Exception as error:
        if not is_transient(error):
            raise
        # Where the disk is full there may be no room for words either.
        with contextlib.suppress(OSError):
            (workspace / "refusal").write_text(str(error), encoding="utf-8")
            _log.warning("away", reason=str(error))
        return Exit.AWAY
    return Exit.FINISHED


def limit_threads() -> None:
    """Give torch as many threads as the supervisor gave this process."""
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def set_up_training(device: Literal["auto", "cpu", "cuda"]) -> None:
    """The same numbers every time: a fixed number of threads and deterministic kernels.

    What is made from here on is made on `device`; "auto" is a GPU where torch finds one. Raises CannotTrain.
    """
    import torch

    found = torch.cuda.is_available()
    if device == "cuda" and not found:
        raise CannotTrain("this run is for a GPU, but torch finds none here: submit it with device cpu")
    on_gpu = found and device != "cpu"
    if on_gpu:
        # Processes of one attempt have a GPU each.
        torch.cuda.set_device(int(os.environ.get(RANK, "0")) % torch.cuda.device_count())
        torch.set_default_device("cuda")
    _log.info("device", name=torch.cuda.get_device_name() if on_gpu else "cpu")
    limit_threads()
    # Exact resume is promised on a CPU: some of CUDA's kernels have no deterministic form. use_deterministic_algorithms
    # would do the same and import torch's compiler, which takes longer than all the rest of an attempt's start.
    torch.set_deterministic_debug_mode("warn" if on_gpu else "error")
    # It would fill every new tensor with NaN, to find reads of memory that was never written: not what runs are for.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined] # torch sets it by name
