"""A real HTTP server whose answers a test writes down beforehand: for retries, pages and broken streams."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from click.testing import CliRunner, Result

from pianola_cli.main import main


@dataclass(frozen=True)
class Answer:
    """An answer; `drop` closes the connection without one."""

    status: int = 200
    body: bytes = b"{}"
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def as_json(document: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(document).encode())


def problem(status: int, code: str, detail: str, errors: Sequence[dict[str, str]] = ()) -> Answer:
    document = {"type": "about:blank", "title": "Refused", "status": status, "detail": detail, "code": code}
    body = json.dumps({**document, "errors": list(errors)} if errors else document).encode()
    return Answer(status, body, "application/problem+json")


def stream(text: str) -> Answer:
    return Answer(body=text.encode(), content_type="text/event-stream")


@dataclass
class Server:
    url: str
    asked: list[Asked]


@contextmanager
def scripted(*answers: Answer) -> Iterator[Server]:
    """A server that gives `answers` in turn, one a request, and then drops connections."""
    left = list(answers)
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append(Asked(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            answer = left.pop(0) if left else Answer(drop=True)
            self.close_connection = True
            if answer.drop:
                return
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815  # the names http.server calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # http.server's own signature
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Server(f"http://127.0.0.1:{server.server_port}", asked)
        finally:
            server.shutdown()
            thread.join()


def pianola(*arguments: str, server: Server | None = None, typed: str | None = None) -> Result:
    """The command line with these arguments, talking to `server`."""
    environment = {"PIANOLA_URL": server.url} if server else {}
    return CliRunner().invoke(main, arguments, env=environment, input=typed)


def body(server: Server, request: int = 0) -> Any:
    """The JSON of a request that `server` was asked."""
    return json.loads(server.asked[request].body)
