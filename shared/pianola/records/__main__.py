"""`python -m pianola.records upgrade|check`: the command that deployments run before the services start."""

import argparse
import os
import sys

from pianola.records.migrate import NotMigrated, check, differences, upgrade
from pianola.records.open import open_records


def main() -> int:
    """Run the command on PIANOLA_DATABASE_URL, or on --database."""
    parser = argparse.ArgumentParser(prog="python -m pianola.records", description="migrate the records")
    parser.add_argument("action", choices=["upgrade", "check"], help="run what is missing, or say whether it is")
    parser.add_argument("--database", default=os.environ.get("PIANOLA_DATABASE_URL"), help="PIANOLA_DATABASE_URL")
    arguments = parser.parse_args()
    if not arguments.database:
        parser.error("set PIANOLA_DATABASE_URL or give --database URL")
    records = open_records(arguments.database)
    if arguments.action == "upgrade":
        upgrade(records)
    try:
        check(records)
    except NotMigrated as error:
        print(error, file=sys.stderr)
        return 1
    if found := differences(records):
        print(f"models and migrations differ: {found}", file=sys.stderr)
        return 1
    print(f"records at {records.url.render_as_string(hide_password=True)} are up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
