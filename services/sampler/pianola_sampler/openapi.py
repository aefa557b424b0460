"""What the sampler's OpenAPI document says beyond that of every service: the forms of a sample."""

from typing import Final

from pianola_http.openapi import Document
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
            if path.endswith("/samples"):
                # Everything in it has a default.
                operation["requestBody"]["required"] = False
            if method == "delete":
                continue
            drawn = operation["responses"]["201" if method == "post" else "200"]
            drawn["headers"] = _HEADERS
            for form in Form:
                if form != Form.JSON:
                    drawn["content"][MEDIA_TYPES[form]] = {"schema": {"type": "string", "format": "binary"}}
