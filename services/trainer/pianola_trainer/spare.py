"""`python -m pianola_trainer.spare`: a process that has imported what attempts need, and waits to become one.

Importing torch takes seconds, which an attempt that begins as a spare does not wait for. What it is to be comes as one
line on its standard input: see child.Spare.
"""

import json
import os
import runpy
import sys
from importlib import import_module
from typing import Final

_NEEDED: Final = (
    "pianola_trainer.training",
    "pianola_trainer.evaluating",
    # Every optimizer imports it when it is made.
    "torch._dynamo",
)


def main() -> None:
    """Wait; then run as the module that it is told, as `python -m` would. Ends where the supervisor does."""
    for name in _NEEDED:
        import_module(name)
    line = sys.stdin.readline()
    if not line:
        return
    told = json.loads(line)
    log = os.open(told["log"], os.O_WRONLY | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(log, stream.fileno())
    os.close(log)
    os.environ.update(told["environment"])
    sys.argv = [told["module"], *told["arguments"]]
    runpy.run_module(told["module"], run_name="__main__")


if __name__ == "__main__":
    main()
