"""What a repeated POST is known by: its Idempotency-Key, and a digest of what it asks."""

import hashlib
from typing import Final

from flask import request

HEADER: Final = "Idempotency-Key"
LONGEST: Final = 200


class BadIdempotencyKey(ValueError):
    """An Idempotency-Key that cannot be kept."""

    def __init__(self, key: str) -> None:
        super().__init__(f"{HEADER} must be 1 to {LONGEST} printable ASCII characters, got {key!r}")


def idempotency_key() -> str | None:
    """The request's Idempotency-Key. Raises BadIdempotencyKey."""
    key = request.headers.get(HEADER)
    if key is not None and not (0 < len(key) <= LONGEST and key.isascii() and key.isprintable()):
        raise BadIdempotencyKey(key)
    return key


def request_digest(content: str | None = None) -> str:
    """The sha256 of method, path and body; `content` stands for a body that was streamed."""
    body = request.get_data() if content is None else content.encode()
    return hashlib.sha256(f"{request.method}\n{request.path}\n".encode() + body).hexdigest()
