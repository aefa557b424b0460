"""Requests made from the OpenAPI documents, good ones and bad ones: no 5xx, and answers as the documents say.

A few hundred in CI. Many more, by both documents:

    PIANOLA_SCHEMA_CASES=5000 pytest tests/schema
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import schemathesis
from apiflask import APIFlask
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis.errors import Unsatisfiable
from sampler.playing import Stage, generator
from schemathesis.checks import not_a_server_error
from schemathesis.generation.modes import GenerationMode
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from pianola.settings import ApiSettings
from pianola_api.app import create_app as create_api
from pianola_sampler.app import create_app as create_sampler

CASES: Final = int(os.environ.get("PIANOLA_SCHEMA_CASES", "100"))
"""Of each document, over all its operations."""
CHECKS: Final = [not_a_server_error, content_type_conformance, response_schema_conformance]
AS_IT_IS: Final = 504
"""A server error that is no fault: on a busy machine 64 windows may take longer than anybody waits."""


@pytest.fixture
def sampler(tmp_path: Path, sqlite_url: str) -> APIFlask:
    """A sampler with a model, whose name is as likely to be made up as any other."""
    stage = Stage(tmp_path, sqlite_url)
    stage.checkpoint(generator(1), "waltz")
    return create_sampler(stage.settings())


@pytest.fixture
def api(tmp_path: Path, sqlite_url: str, broker_url: str) -> Iterator[APIFlask]:
    """An api whose tasks nobody takes."""
    yield create_api(
        ApiSettings(database_url=sqlite_url, broker_url=broker_url, objects_dir=tmp_path / "objects", auth="none")
    )


@pytest.mark.parametrize(("service", "document"), [("sampler", "/sampler/openapi.json"), ("api", "/openapi.json")])
def test_requests_made_from_the_document_are_answered_as_it_says(
    service: str, document: str, request: pytest.FixtureRequest
) -> None:
    app = request.getfixturevalue(service)
    schema = schemathesis.openapi.from_wsgi(document, app)
    operations = [found.ok() for found in schema.get_all_operations()]
    asked = 0
    for operation in operations:
        modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
        each = max(1, CASES // (len(operations) * len(modes)))
        for mode in modes:
            asked += _ask(operation, mode, each)
    assert asked >= CASES // 2


def _ask(operation: Any, mode: GenerationMode, most: int) -> int:
    asked = 0

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=most,
        database=None,
        deadline=None,
        derandomize=CASES < 1000,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    def ask(case: Any) -> None:
        nonlocal asked
        asked += 1
        if case.path_parameters and "name" in case.path_parameters and asked % 2:
            case.path_parameters["name"] = "waltz"
        response = case.call()
        if response.status_code != AS_IT_IS:
            case.validate_response(response, checks=CHECKS)

    with contextlib.suppress(Unsatisfiable):  # there is no bad request where nothing can be said
        ask()
    return asked
