"""A small server for tests of single modules: the studio's files, and a stream of events that breaks off."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

STUDIO = Path(__file__).parents[2] / "services" / "api" / "pianola_api" / "studio"

STREAM = [
    "id: 1\nevent: started\ndata: {}\n\nevent: progress\ndata: 1\n\nid: 2\nevent: evaluated\nda",
    ": a comment\r\n\r\nid: 2\r\nevent: evaluated\r\ndata: two\r\ndata: lines\r\n\r\n",
    "id: 3\nevent: succeeded\ndata: {}\n\nevent: end\ndata: {}\n\n",
]
"""What each connection to /stream says before it is closed; the first breaks off within an event."""


@dataclass
class Modules:
    """The running server, and what the readers of its stream sent."""

    url: str
    last_event_ids: list[str | None] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)


@contextlib.contextmanager
def serve() -> Iterator[Modules]:
    """Serve until the block is left."""

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(STUDIO.parent))

        def do_GET(self) -> None:
            if self.path == "/stream":
                self._stream()
            elif self.path == "/":
                self._send(b"<!doctype html><title>Modules</title><link rel=icon href=/studio/favicon.svg>")
            else:
                super().do_GET()

        def _stream(self) -> None:
            modules.last_event_ids.append(self.headers["Last-Event-ID"])
            modules.keys.append(self.headers["Authorization"])
            text = STREAM[min(len(modules.last_event_ids), len(STREAM)) - 1]
            self._send(text.encode(), "text/event-stream")

        def _send(self, body: bytes, media_type: str = "text/html") -> None:
            self.send_response(200)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing: the tests look at what the page did."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        modules = Modules(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield modules
        server.shutdown()
        thread.join()
