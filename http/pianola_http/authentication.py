"""Who may ask: declared once for each blueprint, by `protect` or by `open_to_all`."""

from functools import partial
from typing import Final
from urllib.parse import urlsplit

from apiflask import APIBlueprint
from flask import g, request

from pianola.records import keys
from pianola.records.keys import Scope
from pianola_http.context import here

ANONYMOUS: Final = "anonymous"
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class OtherSite(PermissionError):
    """A page of another site asks a service that needs no key."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}: without keys, only programs and Pianola's page on this machine are answered")


def protect(blueprint: APIBlueprint, *, reads: Scope = Scope.READ, writes: Scope = Scope.WRITE) -> None:
    """Requests to `blueprint` carry a key: with scope `reads` to look, with scope `writes` to change."""
    blueprint.before_request(partial(_authorise, reads, writes))


def open_to_all(blueprint: APIBlueprint) -> None:
    """Requests to `blueprint` need no key: it tells nothing of anyone's work."""
    blueprint.before_request(_anyone)


def _anyone() -> None:
    g.caller = ANONYMOUS


def _authorise(reads: Scope, writes: Scope) -> None:
    g.caller = ANONYMOUS
    if here().settings.auth == "none":
        _refuse_other_sites()
        return
    scope = reads if request.method in _READS else writes
    with here().records.read() as session:
        g.caller = keys.authorise(session, request.headers.get("Authorization"), scope).id


def _refuse_other_sites() -> None:
    """Without keys, loopback is the only fence, and a browser stands on the inside of it.

    A page from elsewhere may send forms to 127.0.0.1 (see its Origin), or resolve its own name to it (see the Host).
    """
    host = urlsplit(f"//{request.host}")
    if host.hostname not in _LOOPBACK:
        raise OtherSite(f"the Host is {request.host!r}")
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != host.netloc:
        raise OtherSite(f"the Origin is {origin!r}")
