"""What APIFlask's OpenAPI document lacks: problems, keys, and the forms of a sample."""

import re
from typing import Any, Final

from apiflask import APIFlask

from pianola.problems import MEDIA_TYPE
from pianola_sampler.negotiation import MEDIA_TYPES, Form

_REFERENCE: Final = "#/components/schemas/"
_DESCRIPTION: Final = """\
Models play: a model's name, or a checkpoint's digest, gives windows of music as JSON, MIDI, pictures or a zip of all.

Every error is a problem (RFC 9457). POST honours `Idempotency-Key`. Reads have an ETag and honour `If-None-Match`.\
"""

Document = dict[str, Any]


def describe(app: APIFlask) -> None:
    """Complete the OpenAPI document of `app`."""
    app.description = _DESCRIPTION
    app.config.update(
        SECURITY_SCHEMES={"key": {"type": "http", "scheme": "bearer", "description": "an API key, pk_..."}},
        AUTO_SERVERS=False,
        AUTO_OPERATION_ID=True,
        AUTO_VALIDATION_ERROR_RESPONSE=False,
        AUTO_404_RESPONSE=False,
        LICENSE={"name": "MIT", "identifier": "MIT"},
    )
    app.spec_processor(_complete)


def _complete(document: Document | str) -> Document | str:
    assert isinstance(document, dict)  # text only where SPEC_FORMAT is yaml
    schemas = _with_plain_names(document)
    schemas["Problem"] = _PROBLEM
    problem = {"content": {MEDIA_TYPE: {"schema": {"$ref": f"{_REFERENCE}Problem"}}}}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            responses = operation["responses"]
            responses["4XX"] = {"description": "The request is refused"} | problem
            responses["5XX"] = {"description": "The service failed"} | problem
            if not path.startswith("/v1/"):
                continue
            operation["security"] = [{"key": []}]
            if method == "post":
                operation["parameters"].append(_IDEMPOTENCY)
                # Everything in it has a default.
                operation["requestBody"]["required"] = False
            else:
                responses["304"] = {"description": "Unchanged since the ETag in If-None-Match"}
            drawn = responses["201" if method == "post" else "200"]
            drawn["headers"] = _HEADERS
            for form in Form:
                if form != Form.JSON:
                    drawn["content"][MEDIA_TYPES[form]] = {"schema": {"type": "string", "format": "binary"}}
    return document


def _with_plain_names(document: Document) -> Document:
    """The shapes, one inside another named as itself: pydantic's Sample.Window is the Window."""
    schemas: Document = document["components"]["schemas"]
    for name in [name for name in schemas if "." in name]:
        schemas.setdefault(name.rpartition(".")[2], schemas.pop(name))
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
_HEADERS: Final[Document] = {
    "Pianola-Sample": {"description": "the sample's id", "schema": _TEXT},
    "Pianola-Seed": {"description": "its seed", "schema": {"type": "integer"}},
    "Pianola-Checkpoint": {"description": "sha256 of the generating half that played", "schema": _TEXT},
}
_IDEMPOTENCY: Final[Document] = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "description": "the same key with the same request gives the same sample, in whatever form",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
}
