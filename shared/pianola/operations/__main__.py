"""`python -m pianola.operations doctor|backup|restore|gc`: beside the services, with their settings."""

import argparse
import os
import sys
from pathlib import Path

from pianola.operations import commands, contradictions
from pianola.operations.doctor import examine
from pianola.operations.garbage import CHECKPOINTS_AFTER, GRACE
from pianola.settings import WorkerSettings


def main() -> int:
    """Run the command with settings from the environment; the exit status."""
    given = _parser().parse_args()
    if given.action == "doctor":
        return commands.doctor(examine(WorkerSettings, os.environ), given.json, print)
    try:
        settings = WorkerSettings()
    except ValueError as error:
        print(contradictions.said(error), file=sys.stderr)
        return 1
    try:
        if given.action == "backup":
            return commands.back_up(settings, given.path, print)
        if given.action == "restore":
            return commands.bring_back(settings, given.path, print)
        return commands.clear_up(
            settings, given.older_than, given.checkpoints_older_than, given.dry_run, given.json, print
        )
    except (*commands.FAILURES, OSError) as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pianola.operations", description="look, back up, restore, clear up"
    )
    actions = parser.add_subparsers(dest="action", required=True)
    doctor = actions.add_parser("doctor", help="say of everything that is needed whether it is well, and what to do")
    backup = actions.add_parser(
        "backup", help="records and objects to one folder or .tar file; services may be at work"
    )
    restore = actions.add_parser("restore", help="a backup into empty records and an empty store; services stopped")
    gc = actions.add_parser("gc", help="remove what no row needs")
    for action, what in ((backup, "to write: a tar file where the name ends in .tar"), (restore, "to read")):
        action.add_argument("path", type=Path, metavar="FILE_OR_FOLDER", help=what)
    gc.add_argument("--dry-run", action="store_true", help="say what would go, and remove nothing")
    gc.add_argument("--older-than", type=float, default=GRACE.total_seconds() / 3600, metavar="HOURS",
                    help="for objects without a row; under 12 only while nobody uploads  [%(default)g]")  # fmt: skip
    gc.add_argument("--checkpoints-older-than", type=float, default=CHECKPOINTS_AFTER.days, metavar="DAYS",
                    help="after a run's end, for its intermediate checkpoints  [%(default)g]")  # fmt: skip
    for action in (doctor, gc):
        action.add_argument("--json", action="store_true", help="for programs")
    return parser


if __name__ == "__main__":
    sys.exit(main())
