"""Stored objects as answers."""

from collections.abc import Iterator
from typing import IO, Final

from apiflask.schemas import FileSchema
from flask import Response, request

from pianola_api.context import here

BYTES: Final = FileSchema(type="string", format="binary")
"""what the OpenAPI document says of such an answer"""
_READ_BYTES: Final = 2**18


def stored(key: str, media_type: str, etag: str, size: int | None = None) -> Response:
    """The object under `key`, read while it is sent; not read at all for who has it already.

    Raises ObjectMissing, StoreUnavailable.
    """
    if request.if_none_match.contains(etag):
        response = Response(status=304)
    else:
        stream = here().store.open(key)
        response = Response(_chunks(stream), mimetype=media_type)
        response.call_on_close(stream.close)
        if size is not None:
            response.content_length = size
    response.set_etag(etag)
    return response


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(_READ_BYTES):
        yield chunk
