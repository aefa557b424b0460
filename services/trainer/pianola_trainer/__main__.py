"""`python -m pianola_trainer`: the trainer, configured by the environment (pianola.settings.TrainerSettings)."""

import sys

from sqlalchemy.exc import DBAPIError

from pianola.logs import configure_logs
from pianola.records.migrate import NotMigrated, check
from pianola.settings import TrainerSettings
from pianola_trainer.worker import create_worker


def main() -> int:
    """Run the trainer until it is told to stop."""
    settings = TrainerSettings()
    configure_logs(settings, "trainer")
    worker = create_worker(settings)
    try:
        check(worker.records)
    except (NotMigrated, DBAPIError) as error:
        print(error, file=sys.stderr)
        return 1
    return worker.run()


if __name__ == "__main__":
    sys.exit(main())
