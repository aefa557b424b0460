"""Who may ask, as everywhere in Pianola: a key where keys are asked for, else this machine alone."""

from typing import Final
from urllib.parse import urlsplit

from apiflask import APIBlueprint
from flask import g, request

from pianola.records import keys
from pianola.records.keys import Scope
from pianola_sampler.context import here

ANONYMOUS: Final = "anonymous"
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class OtherSite(PermissionError):
    """A page of another site asks a sampler that needs no key."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}: without keys, programs and the page on this machine are answered only")


def protect(blueprint: APIBlueprint) -> None:
    """Requests to `blueprint` carry a key: with scope read to look, with scope write to draw."""
    blueprint.before_request(_authorise)


def _authorise() -> None:
    g.caller = ANONYMOUS
    if here().settings.auth == "none":
        _refuse_other_sites()
        return
    scope = Scope.READ if request.method in _READS else Scope.WRITE
    with here().records.read() as session:
        g.caller = keys.authorise(session, request.headers.get("Authorization"), scope).id


def _refuse_other_sites() -> None:
    """A page from elsewhere may send forms to 127.0.0.1 (Origin), or resolve its own name to it (Host)."""
    host = urlsplit(f"//{request.host}")
    if host.hostname not in _LOOPBACK:
        raise OtherSite(f"the Host is {request.host!r}")
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != host.netloc:
        raise OtherSite(f"the Origin is {origin!r}")
