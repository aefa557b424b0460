"""Object store port: one small interface, a local directory and S3 behind it."""

from pianola.objects.local import LocalStore
from pianola.objects.open import connect_store, open_store
from pianola.objects.store import (
    NotAKey,
    ObjectCorrupt,
    ObjectMissing,
    ObjectStore,
    Stored,
    StoreUnavailable,
    Unfinished,
    sha256_file,
    verified,
)

__all__ = [
    "LocalStore",
    "NotAKey",
    "ObjectCorrupt",
    "ObjectMissing",
    "ObjectStore",
    "StoreUnavailable",
    "Stored",
    "Unfinished",
    "connect_store",
    "open_store",
    "sha256_file",
    "verified",
]
