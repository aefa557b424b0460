"""`python -m pianola_sampler`: serve with settings from the environment."""

import sys

from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from pianola.logs import configure_logs
from pianola.records.migrate import NotMigrated
from pianola.settings import SamplerSettings
from pianola_sampler.server import serve


def main() -> int:
    """Serve; 1 with a sentence on standard error where that is not possible."""
    try:
        settings = SamplerSettings()
        configure_logs(settings, "sampler")
        serve(settings)
    except ValidationError as error:
        for fault in error.errors():
            name = "_".join(str(part) for part in fault["loc"])
            print(f"pianola_sampler: {f'PIANOLA_{name.upper()}: ' if name else ''}{fault['msg']}", file=sys.stderr)
        return 1
    except (NotMigrated, DBAPIError) as error:
        print(f"pianola_sampler: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
