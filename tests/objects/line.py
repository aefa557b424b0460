"""A line to a server that can break, or fall silent, after so many bytes."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

Direction = Literal["up", "down"]


class Line:
    """Passes bytes between its own port and a server's, until `most` have gone in one direction, all together.

    Then it breaks (every connection is cut and no other is taken), or with `silent` nothing passes any more.
    """

    def __init__(self, endpoint: str, direction: Direction, most: int, *, silent: bool = False) -> None:
        address = urlsplit(endpoint)
        self._target = (address.hostname or "", address.port or 80)
        self._direction, self._left, self._silent = direction, most, silent
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self._lock = threading.Lock()
        self.over = threading.Event()
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Cut every connection and take no other."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                server = socket.create_connection(self._target)
                self._ends += [client, server]
                ways: list[tuple[socket.socket, socket.socket, Direction]]
                ways = [(client, server, "up"), (server, client, "down")]
                for way in ways:
                    threading.Thread(target=self._pass_on, args=way, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, direction: Direction) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data[: self._allowed(direction, len(data))])
                if self.over.is_set():
                    if not self._silent:
                        self.close()
                    return
            target.shutdown(socket.SHUT_WR)

    def _allowed(self, direction: Direction, size: int) -> int:
        with self._lock:
            if self.over.is_set():
                return 0
            if direction == self._direction:
                self._left -= size
                if self._left <= 0:
                    self.over.set()
                    return size + self._left
            return size


@contextlib.contextmanager
def line(endpoint: str, direction: Direction, most: int, *, silent: bool = False) -> Iterator[Line]:
    """A line that is closed in the end."""
    made = Line(endpoint, direction, most, silent=silent)
    try:
        yield made
    finally:
        made.close()
