"""What the api's OpenAPI document says beyond that of every service: uploads, tables, streams, pictures."""

from typing import Final

from pianola_api.uploads import FIELD
from pianola_http.openapi import Document

DESCRIPTION: Final = """\
Pianola turns a folder of MIDI files into a music model and serves what the model plays.

Every error is a problem (RFC 9457). Every POST honours `Idempotency-Key`. Lists have `limit` and `cursor`. Reads have
an ETag and honour `If-None-Match`. Samples are drawn by the sampler, under `/v1/models/{name}/samples`.\
"""
_UPLOAD: Final = "/v1/datasets/{dataset}/files"
_LABELS: Final = "/v1/datasets/{dataset}/labels"
_EVALUATION: Final = "/v1/runs/{run}/evaluation"


def complete(document: Document) -> None:
    """Add it to `document`."""
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if "requestBody" in operation:
                operation["requestBody"]["required"] = path != _EVALUATION
            if path.endswith("/events"):
                operation["parameters"].append(_LAST_EVENT_ID)
                operation["responses"]["200"]["content"]["text/event-stream"] = {"schema": {"type": "string"}}
            if path.endswith("/plots/{name}"):
                operation["responses"]["200"]["content"]["*/*"] = {"schema": {"type": "string", "format": "binary"}}
    document["paths"][_UPLOAD]["post"]["requestBody"] = _UPLOAD_BODY
    document["paths"][_LABELS]["put"]["requestBody"] = _LABELS_BODY


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
_LABELS_BODY: Final[Document] = {
    "required": True,
    "content": {
        "text/csv": {
            "schema": {"type": "string"},
            "example": "file,composer,genre\nop9/1.mid,Chopin,nocturne\nop10/3.mid,Chopin,etude\n",
        }
    },
}
