"""`python -m pianola.records upgrade|check|key create`: what deployments run before and beside the services."""

import argparse
import os
import sys

from pianola.records import keys
from pianola.records.keys import Scope
from pianola.records.migrate import NotMigrated, check, differences, upgrade
from pianola.records.open import Records, open_records


def main() -> int:
    """Run the command on PIANOLA_DATABASE_URL, or on --database."""
    parser = _parser()
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
    if arguments.action == "key":
        return _create_key(records, arguments.name, arguments.scope, arguments.expires_days)
    if found := differences(records):
        print(f"models and migrations differ: {found}", file=sys.stderr)
        return 1
    print(f"records at {records.url.render_as_string(hide_password=True)} are up to date")
    return 0


def _parser() -> argparse.ArgumentParser:
    database = argparse.ArgumentParser(add_help=False)
    url = os.environ.get("PIANOLA_DATABASE_URL")
    database.add_argument("--database", default=url, metavar="URL", help="PIANOLA_DATABASE_URL if not given")
    parser = argparse.ArgumentParser(prog="python -m pianola.records", description="migrate the records, make keys")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("upgrade", parents=[database], help="run the migrations that are missing")
    actions.add_parser("check", parents=[database], help="say whether any is missing")
    key = actions.add_parser("key", help="API keys; the first one cannot be made over HTTP")
    create = key.add_subparsers(required=True).add_parser("create", parents=[database], help="print a new one's secret")
    create.add_argument("name", help="what it is for")
    create.add_argument("--scope", choices=[scope.value for scope in Scope], default=Scope.WRITE.value)
    create.add_argument("--expires-days", type=float, help="days until it is of no use any more")
    return parser


def _create_key(records: Records, name: str, scope: str, expires_days: float | None) -> int:
    with records.write() as session:
        key, secret = keys.create(session, name, [Scope(scope)], expires_days)
        told = f"{key.name} ({key.id}) may {scope}; this secret is not shown again"
    print(secret)
    print(told, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
