"""Health and measures, for whoever runs the service: no key, no names of anyone's work."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from apiflask import APIBlueprint
from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST

from pianola_sampler.context import here
from pianola_sampler.schemas import Alive, Ready

CHECK_SECONDS: Final = 2.0
"""An orchestrator asks every few seconds and gives up after a few: a check must have failed by then."""

blueprint = APIBlueprint("health", __name__, tag="Health")


class NotReady(RuntimeError):
    """Something the sampler depends on does not answer; `errors` names what and why."""

    def __init__(self, failures: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {reason}" for name, reason in failures.items()))
        self.errors = [{"field": name, "message": reason} for name, reason in failures.items()]


@blueprint.get("/livez")
@blueprint.output(Alive)
def livez() -> dict[str, str]:
    """Whether the process answers"""
    return {"status": "alive"}


@blueprint.get("/readyz")
@blueprint.output(Ready)
def readyz() -> dict[str, Any]:
    """Whether database and object store answer"""
    context = here()
    failures = failed({"database": context.records.ready, "store": lambda: context.store.ready()})
    if failures:
        raise NotReady(failures)
    return {"status": "ready", "checks": {"database": "ok", "store": "ok"}}


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
