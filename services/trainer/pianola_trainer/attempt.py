"""`python -m pianola_trainer.attempt RUN ATTEMPT WORKSPACE`: one attempt at a run, started by the worker."""

import sys
from pathlib import Path

from pianola.objects import open_store
from pianola.queue import TRAIN_GPU
from pianola.records import open_records
from pianola.settings import TrainerSettings
from pianola_trainer.orders import Orders
from pianola_trainer.patience import patiently
from pianola_trainer.process import run_attempt, set_up_training


def train(run_id: str, attempt: int, settings: TrainerSettings, workspace: Path, orders: Orders) -> None:
    """Train the run to its end. See process.Work."""
    # torch takes seconds to import: the supervisor is listened to before.
    from pianola_trainer.assignment import read_assignment
    from pianola_trainer.ranks import gathered, own_rank
    from pianola_trainer.training import Training

    records, store = open_records(settings.database_url), patiently(lambda: open_store(settings))
    try:
        # Every process of the attempt has its own.
        windows_bytes = settings.windows_bytes // settings.processes
        assignment = read_assignment(run_id, attempt, records, store, workspace, windows_bytes)
        set_up_training("cuda" if assignment.run.queue == TRAIN_GPU else settings.device)
        with gathered(settings.processes, workspace):
            training = Training(assignment, orders, settings.processes)
            if own_rank() == 0:
                training.run()
            else:
                training.follow()
    finally:
        records.dispose()


if __name__ == "__main__":
    sys.exit(run_attempt(train, "run"))
