"""`python -m` of a service: settings from the environment, and a sentence where it cannot start."""

import sys
from collections.abc import Callable
from typing import TypeVar

from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from pianola.logs import configure_logs
from pianola.records.migrate import NotMigrated
from pianola.settings import HttpSettings

SettingsOf = TypeVar("SettingsOf", bound=HttpSettings)


def run(service: str, settings_of: type[SettingsOf], serve: Callable[[SettingsOf], None]) -> int:
    """Serve; the process's exit status: 1 with a sentence on standard error where that is not possible."""
    try:
        settings = settings_of()
        configure_logs(settings, service)
        serve(settings)
    except ValidationError as error:
        for fault in error.errors():
            name = "_".join(str(part) for part in fault["loc"])
            print(f"pianola_{service}: {f'PIANOLA_{name.upper()}: ' if name else ''}{fault['msg']}", file=sys.stderr)
        return 1
    except (NotMigrated, DBAPIError) as error:
        print(f"pianola_{service}: {error}", file=sys.stderr)
        return 1
    return 0
