"""A test client that holds every answer against the OpenAPI document."""

import re
from typing import Any

from apiflask import APIFlask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from werkzeug.test import TestResponse

_DOCUMENT = "urn:openapi"


class Validators:
    """The document's schemas for each operation, status and media type."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        resource: Resource[Any] = Resource.from_contents(document, default_specification=DRAFT202012)
        self._registry: Registry[Any] = Registry().with_resource(_DOCUMENT, resource)

    def check(self, path: str, response: TestResponse) -> None:
        method, status = response.request.method.lower(), str(response.status_code)
        operation = self.document["paths"].get(path, {}).get(method)
        if operation is None:
            return
        known = operation["responses"]
        answer = known.get(status) or known.get(f"{status[0]}XX")
        assert answer is not None, f"{method} {path} does not say that it answers {status}"
        if "content" not in answer:
            assert not response.get_data()
            return
        media = answer["content"].get(response.mimetype) or answer["content"].get("*/*")
        assert media is not None, f"{method} {path} answers {status} as {response.mimetype}, not among {answer}"
        if response.mimetype.endswith("json"):
            schema = _absolute(media["schema"])
            Draft202012Validator(schema, registry=self._registry).validate(response.json)


class CheckedClient(FlaskClient):
    """Fails a test whose answers are not as documented."""

    application: APIFlask

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        response = super().open(*args, **kwargs)
        validators: Validators = self.application.extensions["validators"]
        with self.application.test_request_context(response.request.path, method=response.request.method) as context:
            rule = context.request.url_rule
        if rule is not None:
            validators.check(re.sub(r"<(?:[^<>:]+:)?([^<>]+)>", r"{\1}", rule.rule), response)
        return response


def _absolute(schema: Any) -> Any:
    """The schema with references into the document."""
    if isinstance(schema, dict):
        return {name: f"{_DOCUMENT}{value}" if name == "$ref" else _absolute(value) for name, value in schema.items()}
    return [_absolute(value) for value in schema] if isinstance(schema, list) else schema
