"""Health and measures, for whoever runs the service: no key, no names of anyone's work."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from apiflask import APIBlueprint
from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, ConfigDict

from pianola_http.authentication import open_to_all
from pianola_http.context import here

CHECK_SECONDS: Final = 2.0
"""An orchestrator asks every few seconds and gives up after a few: a check must have failed by then."""
ENDPOINTS: Final = frozenset({"health.livez", "health.readyz", "health.metrics"})
"""Asked every few seconds by machines, so not worth a line in the log each time."""

blueprint = APIBlueprint("health", __name__, tag="Health")
open_to_all(blueprint)


class NotReady(RuntimeError):
    """Something the service depends on does not answer; `errors` names what and why."""

    def __init__(self, failures: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {reason}" for name, reason in failures.items()))
        self.errors = [{"field": name, "message": reason} for name, reason in failures.items()]


class Alive(BaseModel):
    """The process answers."""

    model_config = ConfigDict(frozen=True)

    status: str


class Ready(BaseModel):
    """Everything it depends on answers; `checks` names each."""

    model_config = ConfigDict(frozen=True)

    status: str
    checks: dict[str, str]


@blueprint.get("/livez")
@blueprint.output(Alive)
def livez() -> dict[str, str]:
    """Whether the process answers"""
    return {"status": "alive"}


@blueprint.get("/readyz")
@blueprint.output(Ready)
def readyz() -> dict[str, Any]:
    """Whether everything that the service depends on answers"""
    checks = here().checks()
    if failures := failed(checks):
        raise NotReady(failures)
    return {"status": "ready", "checks": dict.fromkeys(checks, "ok")}


@blueprint.get("/metrics")
@blueprint.doc(hide=True)
def metrics() -> Response:
    """Prometheus's text format"""
    return Response(here().measures.text(), content_type=CONTENT_TYPE_LATEST)


def failed(checks: Mapping[str, Callable[[], object]]) -> dict[str, str]:
    """Why each check that failed did; none is waited for longer than CHECK_SECONDS."""
    found: dict[str, str | None] = dict.fromkeys(checks, f"no answer within {CHECK_SECONDS:g} s")

    def check(name: str, action: Callable[[], object]) -> None:
        try:
            action()
            found[name] = None
        except Exception as error:  # whatever keeps a dependency from answering makes it not ready
            found[name] = str(error).split("\n")[0]

    # Daemons: one that hangs in a connection attempt must not keep the process from ending.
    threads = [threading.Thread(target=check, args=each, daemon=True) for each in checks.items()]
    deadline = time.monotonic() + CHECK_SECONDS
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return {name: reason for name, reason in found.items() if reason is not None}
