"""The processes of one attempt, one a GPU: rank 0 is the one the worker started, and starts the others.

torchrun would start them too, but its children all read the worker's orders, and it hides how rank 0 ended. The others
live as long as rank 0 does: their standard input is a pipe from it. When one of them ends, so does the attempt.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import safetensors.torch
import structlog
import torch
from torch import distributed

from pianola.models.fleet import Fleet
from pianola.models.learner import Learner
from pianola_trainer.exits import Exit
from pianola_trainer.orders import RANK

GRACE_SECONDS: Final = 5.0
"""For rank 0 to end by itself with a better reason, such as the one that ended the other too."""
_PATIENCE: Final = timedelta(days=1)
"""The others wait while rank 0 evaluates; that one of them died is seen by its process, not by a timeout."""

_log = structlog.get_logger("ranks")


def own_rank() -> int:
    """Which of the attempt's processes this is."""
    return int(os.environ.get(RANK, "0"))


@contextmanager
def gathered(processes: int, workspace: Path) -> Iterator[None]:
    """While open, the attempt's processes are all there; rank 0 starts the others and ends them.

    To be opened after torch's default device was set.
    """
    if processes == 1:
        yield
        return
    others = [_Other(rank) for rank in range(1, processes)] if own_rank() == 0 else []
    try:
        # They are on one machine: nothing of this is for the network.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
        distributed.init_process_group(
            "nccl" if torch.get_default_device().type == "cuda" else "gloo",
            store=distributed.FileStore(str(workspace / "ranks"), processes),  # type: ignore[attr-defined] # it is public
            rank=own_rank(),
            world_size=processes,
            timeout=_PATIENCE,
        )
        _log.info("gathered", processes=processes)
        yield
    finally:
        for other in others:
            other.end()


class _Other:
    """A process of another rank than 0."""

    def __init__(self, rank: int) -> None:
        # In this process's group: who kills that kills all of them.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pianola_trainer.attempt", *sys.argv[1:]],
            stdin=subprocess.PIPE,
            env={**os.environ, RANK: str(rank)},
        )
        self._rank, self._ending = rank, False
        threading.Thread(target=self._watch, name=f"rank {rank}", daemon=True).start()

    def end(self) -> None:
        """It ends by itself as soon as its standard input does."""
        self._ending = True
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _watch(self) -> None:
        code = self._process.wait()
        time.sleep(GRACE_SECONDS)
        if not self._ending:
            _log.error("rank_lost", lost=self._rank, code=code)
            # The main thread may wait for it for ever.
            os._exit(Exit.RANK_LOST)


def spread(learner: Learner[Any], fleet: Fleet) -> None:
    """All: every process's learner becomes what rank 0's is, and they learn together from here on."""
    if fleet.size > 1:
        if fleet.rank == 0:
            fleet.tell(json.dumps(learner.facts()).encode())
            fleet.tell(safetensors.torch.save(learner.tensors()))
        else:
            facts = json.loads(fleet.tell())
            learner.restore(safetensors.torch.load(fleet.tell()), facts)
    learner.join(fleet)
