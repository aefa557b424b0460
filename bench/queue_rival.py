"""The rival of job_queue.py: a task of plain Celery that trains, with what the trainer's attempts are made of."""

import json
import os
from pathlib import Path

from celery import Celery
from job_queue import RIVAL_DONE
from redis import Redis

app = Celery("rival", broker=os.environ["RIVAL_BROKER"])


@app.task(name="rival.train")
def train(dataset_id: str, options: str) -> None:
    """Read the dataset, make the learner, take one step."""
    from pianola.models.presets import resolve
    from pianola.models.registry import create_learner
    from pianola.objects import LocalStore
    from pianola.records import open_records
    from pianola.records.tables import Dataset
    from pianola_trainer.batches import Batches, split_of_run
    from pianola_trainer.process import set_up_training
    from pianola_trainer.setup import Setup
    from pianola_trainer.stepping import Steps
    from pianola_trainer.windows import read_windows

    set_up_training("cpu")
    records = open_records(os.environ["RIVAL_DATABASE"])
    with records.read() as session:
        dataset = session.get_one(Dataset, dataset_id)
    records.dispose()
    chosen = resolve("vae", "default", json.loads(options))
    windows = read_windows(LocalStore(Path(os.environ["RIVAL_OBJECTS"])), dataset, 2**30).conditioned(None)
    sides = split_of_run(windows.file, windows.held_out, chosen.held_out, 1)
    batches = Batches(sides.training, chosen.batch, 1, windows.ends)
    setup = Setup.of_options(chosen, 1)
    learner = create_learner("vae", "default", chosen, 1, windows.density(sides.training), windows.conditions)
    setup.apply(learner)
    windows.prepare(batches, 0, lambda: None)
    Steps(learner, windows, batches, 1, setup).take(0.0)
    Redis.from_url(os.environ["RIVAL_BROKER"]).rpush(RIVAL_DONE, 1)
