"""A file from the web into the spool: its size limited, its digest checked, from the public internet only."""

import contextlib
import hashlib
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Final

import httpcore
import httpx

from pianola_preprocess.importing.errors import (
    BadAddress,
    NotThere,
    TlsFailed,
    TooLarge,
    WrongDigest,
)
from pianola_preprocess.importing.guard import Guard, Resolve, resolve
from pianola_preprocess.importing.retrying import PATIENCE, MayPass, Patience

REDIRECTS: Final = 5
CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 30.0
"""between two pieces of the answer"""
TOTAL_SECONDS: Final = 2 * 3600.0
"""for everything: the default limit of 2 GiB in this time is 300 kB/s"""

Report = Callable[[int, int | None], None]
"""takes bytes done and, where it is known, bytes in total"""

_LAST_PORT: Final = 2**16 - 1
_REDIRECTED: Final = frozenset({301, 302, 303, 307, 308})
_BUSY: Final = frozenset({429, 500, 502, 503, 504})
_TIMEOUTS: Final = {"connect": CONNECT_SECONDS, "read": READ_SECONDS, "write": READ_SECONDS, "pool": CONNECT_SECONDS}


@dataclass(frozen=True)
class Web:
    """What a download may do: reach private addresses, bring `most_bytes`. The rest is for tests."""

    private: bool
    most_bytes: int
    patience: Patience = PATIENCE
    resolve: Resolve = resolve

    def download(self, url: str, sha256: str, spool: IO[bytes], report: Report) -> str:
        """Write what lies at `url` to `spool` and return the address it came from in the end.

        Raises ImportFailed: BadAddress, AddressRefused, NotThere, ServerAway, TlsFailed, TooSlow, TooLarge,
        WrongDigest.
        """
        address = read_address(url)
        deadline = time.monotonic() + TOTAL_SECONDS
        came_from, found = self.patience.ask(address.host, lambda: self._fetch(address, spool, report, deadline))
        if found != sha256.lower():
            raise WrongDigest(
                f"the file at {shown(address)} has sha256 {found}, asked for was {sha256}: "
                "it was changed or damaged; get the digest from whoever publishes it"
            )
        return str(came_from)

    def _fetch(self, address: httpx.URL, spool: IO[bytes], report: Report, deadline: float) -> tuple[httpx.URL, str]:
        """One try, redirects followed: where the file came from, and its sha256."""
        spool.seek(0)
        spool.truncate()
        for _ in range(REDIRECTS + 1):
            with self._opened(address, deadline) as response:
                if response.status not in _REDIRECTED:
                    return address, self._save(address, response, spool, report)
                address = _redirected(address, response)
        raise NotThere(f"{address.host} sends from one address to the next, more than {REDIRECTS} times: give the last")

    @contextlib.contextmanager
    def _opened(self, address: httpx.URL, deadline: float) -> Iterator[httpcore.Response]:
        """The answer to one request, by a connection of its own. Raises MayPass, ImportFailed."""
        # Not httpx's own client: it takes no network of ours, and a proxy would resolve names for itself.
        with (
            _translated(address),
            httpcore.ConnectionPool(network_backend=Guard(self.private, deadline, self.resolve)) as pool,
            pool.stream(
                "GET",
                httpcore.URL(
                    scheme=address.raw_scheme, host=address.raw_host, port=address.port, target=address.raw_path
                ),
                headers={
                    "Host": address.netloc,
                    "User-Agent": "pianola",
                    "Accept": "*/*",
                    # The digest is of the file as it lies there.
                    "Accept-Encoding": "identity",
                    "Connection": "close",
                },
                extensions={"timeout": _TIMEOUTS},
            ) as response,
        ):
            yield response

    def _save(self, address: httpx.URL, response: httpcore.Response, spool: IO[bytes], report: Report) -> str:
        _check_status(address, response.status)
        total = _length(response)
        if total is not None and total > self.most_bytes:
            raise self._too_large(address, f"{total:,} bytes")
        done, digest = 0, hashlib.sha256()
        for piece in response.iter_stream():
            done += len(piece)
            if done > self.most_bytes:
                raise self._too_large(address, "more than it says")
            digest.update(piece)
            spool.write(piece)
            report(done, total)
        return digest.hexdigest()

    def _too_large(self, address: httpx.URL, size: str) -> TooLarge:
        return TooLarge(
            f"the file at {shown(address)} has {size}, an import may bring {self.most_bytes:,}: raise "
            "PIANOLA_IMPORT_MAX_BYTES on the worker, or import it in parts"
        )


def read_address(url: str) -> httpx.URL:
    """The address of a file on the web. Raises BadAddress."""
    try:
        address = httpx.URL(url)
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise BadAddress(f"{url!r} is not an address: {error}") from error
    if address.scheme not in ("http", "https"):
        raise BadAddress(f"{url!r} does not begin with http:// or https://: only those are fetched")
    if address.port is not None and address.port > _LAST_PORT:
        raise BadAddress(f"{url!r} is not an address: there is no port {address.port}")
    if not address.host:
        raise BadAddress(f"{url!r} names no server")
    if address.userinfo:
        raise BadAddress(
            f"the address of {address.host} holds a user's name or password, which would be kept: leave them out"
        )
    return address


def shown(address: httpx.URL) -> str:
    """The address without what may be secret: what follows the question mark."""
    return str(address.copy_with(query=None, fragment=None))


def _redirected(address: httpx.URL, response: httpcore.Response) -> httpx.URL:
    location = _header(response, b"location")
    if location is None:
        raise NotThere(f"{shown(address)} sends elsewhere without saying where: give another address")
    try:
        return read_address(str(address.join(location.decode())))
    except (httpx.InvalidURL, ValueError) as error:
        raise BadAddress(f"{shown(address)} sends to {location!r}, which is not an address") from error


def _check_status(address: httpx.URL, status: int) -> None:
    if status in _BUSY:
        raise MayPass(f"{shown(address)} answered {status}")
    if status in (401, 403):
        raise NotThere(f"{shown(address)} answered {status}: it is not for everyone; fetch it yourself and upload it")
    if status in (404, 410):
        raise NotThere(f"nothing lies at {shown(address)} (it answered {status}): look the address up again")
    if status != 200:
        raise NotThere(f"{shown(address)} answered {status} instead of a file: look the address up again")


def _header(response: httpcore.Response, name: bytes) -> bytes | None:
    return next((value for found, value in response.headers if found.lower() == name), None)


def _length(response: httpcore.Response) -> int | None:
    said = _header(response, b"content-length")
    return int(said) if said is not None and said.isdigit() else None


@contextlib.contextmanager
def _translated(address: httpx.URL) -> Iterator[None]:
    try:
        yield
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
        # httpcore passes on what it caught as the only argument, and clears the cause.
        cause = error.args[0] if error.args else None
        if isinstance(error, httpcore.ConnectError) and isinstance(cause, ssl.SSLError):
            raise TlsFailed(
                f"{address.host} does not prove that it is {address.host} ({cause}): check the address; nothing is "
                "fetched from a server that cannot be sure to be the right one"
            ) from error
        raise MayPass(f"{type(error).__name__}: {error}") from error
