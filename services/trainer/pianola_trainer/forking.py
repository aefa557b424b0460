"""`python -m pianola_trainer.forking`: a process that has imported what attempts need, and forks them.

Importing torch takes seconds of a core, which a worker so pays once and not for every attempt. Nothing is computed here
and no thread begins, since a process that had done either could not be forked safely. What it is told and what it
answers is in nursery.py.
"""

import gc
import json
import os
import runpy
import selectors
import socket
import sys
from importlib import import_module
from typing import Any, Final

_NEEDED: Final = (
    "pianola_trainer.training",
    "pianola_trainer.evaluating",
    "pianola_trainer.process",
    # Otherwise imported by the first optimizer, task name, connection and picture.
    "torch._dynamo",
    "pianola.queue",
    "psycopg",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.sqlite",
    "PIL.PngImagePlugin",
)


def main() -> None:
    """Fork whatever the worker tells, until it ends. A forked process goes on as `python -m MODULE` would."""
    for name in _NEEDED:
        import_module(name)
    # A collection would write to every object that is here, and to as many pages that attempts share with one another.
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=os.dup(0)) as desk:
        told = _Nursery(desk).serve()
    if told is not None:
        os.environ.update(told["environment"])
        sys.argv = [told["module"], *told["arguments"]]
        try:
            runpy.run_module(told["module"], run_name="__main__")
        except SystemExit as ended:
            sys.stdout.flush()
            sys.stderr.flush()
            # Taking torch down in order takes longer than a short run.
            os._exit(int(ended.code or 0))


class _Nursery:
    def __init__(self, desk: socket.socket) -> None:
        self._desk, self._selector = desk, selectors.DefaultSelector()
        self._selector.register(desk, selectors.EVENT_READ)

    def serve(self) -> dict[str, Any] | None:
        """In a forked process, what it is to be; in this one None, when the worker has ended."""
        self._desk.sendall(b"ready\n")
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is not self._desk:
                    self._bury(key)
                    continue
                line, descriptors, *_ = socket.recv_fds(self._desk, 2**16, 3)
                if not line:
                    return None
                if self._fork(*descriptors):
                    told: dict[str, Any] = json.loads(line)
                    return told

    def _fork(self, orders: int, log: int, tell: int) -> bool:
        """Whether this is the forked process."""
        # The forked process alone holds its other end: that is closed when the process has ended.
        lives, _held = os.pipe()
        pid = os.fork()
        if pid:
            os.close(_held)
            os.close(orders)
            os.close(log)
            self._selector.register(lives, selectors.EVENT_READ, (pid, tell))
            return False
        for key in list(self._selector.get_map().values()):
            if key.fileobj is not self._desk:
                os.close(key.fd)
                os.close(key.data[1])
        self._selector.close()
        os.close(lives)
        os.setsid()
        for number, descriptor in enumerate((orders, log, log)):
            os.dup2(descriptor, number)
        os.close(orders)
        os.close(log)
        os.write(tell, f"pid {os.getpid()}\n".encode())
        os.close(tell)
        return True

    def _bury(self, key: selectors.SelectorKey) -> None:
        pid, tell = key.data
        self._selector.unregister(key.fileobj)
        os.close(key.fd)
        _, status = os.waitpid(pid, 0)
        try:
            os.write(tell, f"code {os.waitstatus_to_exitcode(status)}\n".encode())
        except BrokenPipeError:
            pass  # the worker did not wait for it
        finally:
            os.close(tell)


if __name__ == "__main__":
    main()
