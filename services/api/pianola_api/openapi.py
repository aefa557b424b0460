"""What APIFlask's OpenAPI document lacks: problems, keys, idempotency, uploads, streams, one name for each shape."""

import re
from typing import Any, Final

from apiflask import APIFlask

from pianola.problems import MEDIA_TYPE
from pianola_api.errors import problem_schema
from pianola_api.uploads import FIELD

_UPLOAD: Final = "/v1/datasets/{dataset}/files"
_EVALUATION: Final = "/v1/runs/{run}/evaluation"
_REFERENCE: Final = "#/components/schemas/"
_DESCRIPTION: Final = """\
Pianola turns a folder of MIDI files into a music model and serves what the model plays.

Every error is a problem (RFC 9457). Every POST honours `Idempotency-Key`. Lists have `limit` and `cursor`. Reads have
an ETag and honour `If-None-Match`. Samples are drawn by the sampler, under `/v1/models/{name}/samples`.\
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
    schemas["Problem"] = problem_schema()
    problem = {"content": {MEDIA_TYPE: {"schema": {"$ref": f"{_REFERENCE}Problem"}}}}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            operation["responses"]["4XX"] = {"description": "The request is refused"} | problem
            operation["responses"]["5XX"] = {"description": "The service failed"} | problem
            if "requestBody" in operation:
                operation["requestBody"]["required"] = path != _EVALUATION
            if path.startswith("/v1/"):
                operation["security"] = [{"key": []}]
            if method == "post":
                operation["parameters"].append(_IDEMPOTENCY)
            if method == "get" and path.startswith("/v1/"):
                operation["responses"]["304"] = {"description": "Unchanged since the ETag in If-None-Match"}
            if path.endswith("/events"):
                operation["parameters"].append(_LAST_EVENT_ID)
                operation["responses"]["200"]["content"]["text/event-stream"] = {"schema": {"type": "string"}}
            if path.endswith("/plots/{name}"):
                operation["responses"]["200"]["content"]["*/*"] = {"schema": {"type": "string", "format": "binary"}}
    document["paths"][_UPLOAD]["post"]["requestBody"] = _UPLOAD_BODY
    return document


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


_IDEMPOTENCY: Final[Document] = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "description": "the same key with the same request is done once, and answered alike each time",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
}
_LAST_EVENT_ID: Final[Document] = {
    "in": "header",
    "name": "Last-Event-ID",
    "required": False,
    "description": "number of the last event known: a stream goes on after it",
    "schema": {"type": "integer", "minimum": 0},
}
_UPLOAD_BODY: Final[Document] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "properties": {FIELD: {"type": "array", "items": {"type": "string", "format": "binary"}}},
            }
        }
    },
}
