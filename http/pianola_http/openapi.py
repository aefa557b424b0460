"""What APIFlask's OpenAPI document lacks in every service: problems, keys, idempotency, one name for each shape."""

import re
from collections.abc import Callable
from typing import Any, Final

from apiflask import APIFlask

from pianola.problems import MEDIA_TYPE
from pianola_http.idempotency import HEADER, LONGEST

Document = dict[str, Any]

_REFERENCE: Final = "#/components/schemas/"


def describe(app: APIFlask, description: str, complete: Callable[[Document], None]) -> None:
    """Complete the OpenAPI document of `app`; `complete` adds what the service alone has, at last."""

    def processed(document: Document | str) -> Document | str:
        assert isinstance(document, dict)  # text only where SPEC_FORMAT is yaml
        _complete(document)
        complete(document)
        return document

    app.description = description
    app.config.update(
        SECURITY_SCHEMES={"key": {"type": "http", "scheme": "bearer", "description": "an API key, pk_..."}},
        AUTO_SERVERS=False,
        AUTO_OPERATION_ID=True,
        AUTO_VALIDATION_ERROR_RESPONSE=False,
        AUTO_404_RESPONSE=False,
        LICENSE={"name": "MIT", "identifier": "MIT"},
    )
    app.spec_processor(processed)


def _complete(document: Document) -> None:
    schemas = _with_plain_names(document)
    schemas["Problem"] = _PROBLEM
    problem = {"content": {MEDIA_TYPE: {"schema": {"$ref": f"{_REFERENCE}Problem"}}}}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            responses = operation["responses"]
            responses["4XX"] = {"description": "The request is refused"} | problem
            responses["5XX"] = {"description": "The service failed"} | problem
            if path.startswith("/v1/"):
                operation["security"] = [{"key": []}]
            if path.startswith("/v1/") and method == "get":
                responses["304"] = {"description": "Unchanged since the ETag in If-None-Match"}
            if method == "post":
                operation["parameters"].append(_IDEMPOTENCY)


def _with_plain_names(document: Document) -> Document:
    """The shapes, one inside another named as itself: pydantic's DatasetPage.Dataset is the Dataset others refer to."""
    schemas: Document = document["components"]["schemas"]
    for name in [name for name in schemas if "." in name]:
        schema = schemas.pop(name)
        schemas.setdefault(name.rpartition(".")[2], schema)
    _rename(document)
    return schemas


def _rename(part: Any) -> None:
    if isinstance(part, dict):
        if isinstance(reference := part.get("$ref"), str):
            part["$ref"] = re.sub(rf"^{_REFERENCE}\w+\.", _REFERENCE, reference)
        for value in part.values():
            _rename(value)
    elif isinstance(part, list):
        for value in part:
            _rename(value)


_TEXT: Final[Document] = {"type": "string"}
_PROBLEM: Final[Document] = {
    "type": "object",
    "title": "Problem",
    "description": "What went wrong (RFC 9457). `code` is stable, `detail` says what to do.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": _TEXT | {"format": "uri"},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "code": _TEXT,
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": _TEXT, "message": _TEXT},
            },
        },
    },
}
_IDEMPOTENCY: Final[Document] = {
    "in": "header",
    "name": HEADER,
    "required": False,
    "description": "the same key with the same request is done once, and answered alike each time",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST},
}
