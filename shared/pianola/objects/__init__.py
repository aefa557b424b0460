"""Object store port: one small interface, a local directory and S3 behind it."""

from pianola.objects.local import LocalStore
from pianola.objects.open import open_store
from pianola.objects.store import ObjectCorrupt, ObjectMissing, ObjectStore, StoreUnavailable, sha256_file, verified

__all__ = [
    "LocalStore",
    "ObjectCorrupt",
    "ObjectMissing",
    "ObjectStore",
    "StoreUnavailable",
    "open_store",
    "sha256_file",
    "verified",
]
