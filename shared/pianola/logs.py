"""Structured logs to standard error, the same from every service.

A line about a request, or about work that a request asked for, has its `request_id`: in the service that answered it,
in the worker that its task reached, and in the process that the worker started.
"""

import logging
import os
import sys
from typing import Final

import structlog

from pianola.settings import Settings

_REQUEST: Final = "PIANOLA_REQUEST_ID"
"""How a process that is started for a request learns its id."""


def configure_logs(settings: Settings, service: str, **always: object) -> None:
    """One line an event, JSON or for a console, with the service's name; libraries' logs take the same road.

    `always` is in every line, whichever thread writes it; so is the id of the request that the process was started for.
    """
    fields = {"service": service, **always}
    if given := os.environ.get(_REQUEST):
        fields["request_id"] = given

    def fill(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {**fields, **event}

    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        fill,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # A line and its end in one write: lines of several threads and processes would run into one another else.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.captureWarnings(True)
    logging.basicConfig(handlers=[handler], level=max(level, logging.INFO), force=True)


def request_id() -> str | None:
    """The id of the request that is being answered, or that asked for the work under way; None where there is none."""
    bound: str | None = structlog.contextvars.get_contextvars().get("request_id")
    return bound


def for_child() -> dict[str, str]:
    """Variables for a process started for the same request."""
    found = request_id()
    return {} if found is None else {_REQUEST: found}


def relay(line: str) -> None:
    """Write a line of another process's log to this one's: as it is where it is structured alike, else as an event."""
    json = isinstance(structlog.get_config()["processors"][-1], structlog.processors.JSONRenderer)
    if json and not line.startswith("{"):
        structlog.get_logger("child").info("said", line=line)
    else:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
