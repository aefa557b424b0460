"""What the sampler's OpenAPI document says beyond that of every service: the forms of a sample."""

from collections.abc import Iterable
from typing import Final

from pianola_http.openapi import Document
from pianola_sampler.maps import FORMS as MAP_FORMS
from pianola_sampler.negotiation import MEDIA_TYPES, Form

DESCRIPTION: Final = """\
Models play: a model's name, or a checkpoint's digest, gives windows of music as JSON, MIDI, sound,
scores, pictures or a zip.

Every error is a problem (RFC 9457). 429 (the sampler has all it can do) and 503 (it starts or stops) say in Retry-After
when to ask again; 504 is a sample that was not ready in time. POST honours `Idempotency-Key`. Reads have an ETag and
honour `If-None-Match`.\
"""
_HEADERS: Final[Document] = {
    "Pianola-Sample": {"description": "the sample's id", "schema": {"type": "string"}},
    "Pianola-Seed": {"description": "its seed, if it has one", "schema": {"type": "integer"}},
    "Pianola-Checkpoint": {
        "description": "sha256 of the generating half that played",
        "schema": {"type": "string"},
    },
}


def complete(document: Document) -> None:
    """Add it to `document`."""
    for path, operations in document["paths"].items():
        if not path.startswith("/v1/"):
            continue
        for method, operation in operations.items():
            if path.endswith(("/samples", "/pieces")):
                # Everything in it has a default.
                operation["requestBody"]["required"] = False
            if method == "delete":
                continue
            if path.endswith("/map"):
                _take_forms(operation["responses"]["200"], MAP_FORMS)
                continue
            if path.endswith("/vectors"):
                continue
            drawn = operation["responses"]["201" if method == "post" else "200"]
            drawn["headers"] = _HEADERS
            _take_forms(drawn, Form)


def _take_forms(answer: Document, forms: Iterable[Form]) -> None:
    for form in forms:
        if form != Form.JSON:
            answer["content"][MEDIA_TYPES[form]] = {"schema": {"type": "string", "format": "binary"}}
