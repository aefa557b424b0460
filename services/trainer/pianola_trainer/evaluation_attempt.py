"""`python -m pianola_trainer.evaluation_attempt EVALUATION ATTEMPT WORKSPACE`: samples against the dataset."""

import sys
from pathlib import Path

from pianola.objects import open_store
from pianola.records import open_records
from pianola.settings import TrainerSettings
from pianola_trainer.orders import Orders
from pianola_trainer.patience import patiently
from pianola_trainer.process import limit_threads, run_attempt


def evaluate(evaluation_id: str, attempt: int, settings: TrainerSettings, workspace: Path, orders: Orders) -> None:
    """Evaluate to the report. See process.Work."""
    # torch takes seconds to import: the supervisor is listened to before.
    from pianola_trainer.evaluating import run_evaluation

    limit_threads()
    records, store = open_records(settings.database_url), patiently(lambda: open_store(settings))
    try:
        run_evaluation(evaluation_id, attempt, records, store, workspace, orders)
    finally:
        records.dispose()


if __name__ == "__main__":
    sys.exit(run_attempt(evaluate, "evaluation"))
