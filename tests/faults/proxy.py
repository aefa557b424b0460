"""An HTTP proxy before the object store, which is what storms make of it: gone, slow, or failing now and then."""

import http.client
import itertools
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Literal
from urllib.parse import urlsplit

Weather = Literal["fair", "gone", "slow", "failing"]
SLOW_SECONDS: Final = 0.5
"""What every request waits while the store is slow."""
FAILING_EVERY: Final = 10
"""While the store is failing, one request in so many is answered 503, and one is cut off in the middle."""


class StoreProxy:
    """Hands requests on to `upstream` as they are, signatures included, and their answers back."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream).netloc
        self.weather: Weather = "fair"
        self._count = itertools.count(1)
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    @property
    def endpoint(self) -> str:
        """Its own address."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def next_request(self) -> int:
        """The number of the request that came just now."""
        return next(self._count)

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, proxy: StoreProxy) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, *_: object) -> None:
        """A connection that broke: one side or the other was killed, as is meant."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _pass_on(self) -> None:
        proxy = self.server.proxy
        number = proxy.next_request()
        if proxy.weather == "gone":
            self._cut_off()
            return
        if proxy.weather == "slow":
            time.sleep(SLOW_SECONDS)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if proxy.weather == "failing" and number % FAILING_EVERY == 0:
            self.send_response_only(503)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        upstream = http.client.HTTPConnection(proxy.upstream, timeout=60)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("connection", "expect"):
                    upstream.putheader(name, value)
            upstream.endheaders(body)
            self._answer(upstream.getresponse(), cut=proxy.weather == "failing" and number % FAILING_EVERY == 1)
        finally:
            upstream.close()

    def _answer(self, answer: http.client.HTTPResponse, *, cut: bool) -> None:
        data = answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in ("connection", "transfer-encoding", "content-length", "keep-alive"):
                self.send_header(name, value)
        length = answer.headers["Content-Length"] if self.command == "HEAD" else str(len(data))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if cut else data)
        if cut:
            self._cut_off()

    def _cut_off(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass_on  # noqa: N815  # as http.server calls them

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""
