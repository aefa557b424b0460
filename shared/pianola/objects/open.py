"""From settings to a store."""

from typing import TYPE_CHECKING

from pianola.objects.local import LocalStore
from pianola.objects.store import ObjectStore
from pianola.settings import Settings

if TYPE_CHECKING:
    from pianola.objects.s3 import S3Store


def open_store(settings: Settings) -> ObjectStore:
    """The store that `settings` name; an S3 bucket that is not there yet is made.

    Raises StoreUnavailable when an S3 server does not answer.
    """
    store = connect_store(settings)
    if not isinstance(store, LocalStore):
        store.create_bucket()
    return store


def connect_store(settings: Settings) -> "LocalStore | S3Store":
    """The store that `settings` name, as it is: nothing is made, and nothing connects before it is used."""
    if settings.objects_dir is not None:
        return LocalStore(settings.objects_dir)
    # Only deployments on S3 pay for importing its client.
    from pianola.objects.s3 import S3Store

    assert settings.s3_endpoint is not None  # the settings hold exactly one store
    return S3Store(
        settings.s3_endpoint,
        settings.s3_access_key,
        settings.s3_secret_key.get_secret_value(),
        settings.s3_bucket,
        settings.s3_region,
    )
