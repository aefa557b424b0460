"""Reading processes that do what a hostile file might make them do."""

import sys


def misbehaving(doing: str) -> tuple[str, ...]:
    """A reading process that does `doing` where it should judge a file; `data` is the file."""
    program = f"""
import os, signal, sys, time
from pianola_preprocess.reading import __main__ as reading
judge = reading.judge
reading.seen = 0
def misbehave(data, options):
    reading.seen += 1
    if data.startswith(b"bad"):
        {doing}
    return judge(data, options)
sandboxed = reading.sandbox.lock
def lock():
    sandboxed()
    reading.judge = misbehave
reading.sandbox.lock = lock
sys.exit(reading.main())
"""
    return (sys.executable, "-I", "-c", program)
