"""Files out of an S3 bucket: those whose keys begin with a prefix, in the order of their keys."""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import IO, Final

from minio.error import S3Error

from pianola.intake.collect import Intake, opens
from pianola.intake.entries import Skipped, judge_name
from pianola.objects import ObjectMissing, StoreUnavailable
from pianola.objects.s3 import S3Store
from pianola.records.datasets import NewFile
from pianola.settings import PreprocessSettings
from pianola_preprocess.importing.download import Report
from pianola_preprocess.importing.errors import BucketRefused, NotThere, TooLarge
from pianola_preprocess.importing.retrying import MayPass, Patience
from pianola_preprocess.importing.spool import pieces, spooled

_READ_BYTES: Final = 2**16
# What an S3 server says where asking again does not help.
_REFUSALS: Final = frozenset(
    {"AccessDenied", "InvalidAccessKeyId", "InvalidBucketName", "NoSuchBucket", "SignatureDoesNotMatch"}
)


def bucket_files(
    bucket: str, prefix: str, intake: Intake, settings: PreprocessSettings, patience: Patience, report: Report
) -> Generator[NewFile | Skipped, None, None]:
    """What lies under `prefix`: MIDI files, and those in zips and tars. Names begin behind the prefix's last slash.

    Raises BucketRefused, NotThere, ServerAway, TooLarge, and what `intake` and `report` raise.
    """
    source = _Bucket(_open(bucket, settings), bucket, settings.import_max_bytes, patience, report)
    with spooled(settings.spool) as spool:
        for key in source.keys(prefix):
            name = key[prefix.rfind("/") + 1 :]
            if name.endswith("/"):
                continue
            if opens(name):
                source.fetch(key, spool, None)
                yield from intake.archive(name, spool)
                continue
            judged = judge_name(name)
            if isinstance(judged, str):
                # One byte more than it may have shows that it is too large.
                source.fetch(key, spool, intake.limits.file_bytes + 1)
                found = intake.file(judged, pieces(spool))
                if found is not None:
                    yield found
            elif judged is not None:
                yield judged


class _Bucket:
    """A bucket that is only read, and only so many bytes of it."""

    def __init__(self, store: S3Store, name: str, most: int, patience: Patience, report: Report) -> None:
        self._store = store
        self._name = name
        self._most = most
        self._patience = patience
        self._report = report
        self._done = 0

    def keys(self, prefix: str) -> Iterator[str]:
        """Keys that begin with `prefix`, in order."""
        found, last = self._store.keys(prefix), b""

        def following() -> str | None:
            nonlocal found
            try:
                with self._translated():
                    return next((key for key in found if key.encode() > last), None)
            except MayPass:
                # A listing that broke off looks as if it were at its end: begin again, behind the last key.
                found = self._store.keys(prefix)
                raise

        while (key := self._patience.ask(f"the bucket {self._name!r}", following)) is not None:
            yield key
            last = key.encode()

    def fetch(self, key: str, spool: IO[bytes], most: int | None) -> None:
        """Write the object to `spool`, or its first `most` bytes."""
        self._patience.ask(f"the bucket {self._name!r}", lambda: self._fetch(key, spool, most))

    def _fetch(self, key: str, spool: IO[bytes], most: int | None) -> None:
        spool.seek(0)
        spool.truncate()
        with self._translated(), closing(self._store.open(key)) as stream:
            while piece := stream.read(_READ_BYTES):
                self._count(len(piece))
                spool.write(piece)
                if most is not None and spool.tell() >= most:
                    return

    def _count(self, size: int) -> None:
        self._done += size
        if self._done > self._most:
            raise TooLarge(
                f"there is more under this prefix than an import may bring, {self._most:,} bytes: raise "
                "PIANOLA_IMPORT_MAX_BYTES on the worker, or import it by longer prefixes"
            )
        self._report(self._done, None)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except ObjectMissing as error:
            raise NotThere(f"{error.key!r} vanished from {self._name!r} while it was imported: import again") from error
        except StoreUnavailable as error:
            if isinstance(error.__cause__, S3Error) and error.__cause__.code in _REFUSALS:
                raise BucketRefused(
                    f"the S3 server does not give {self._name!r} ({error.__cause__.code}): look at the bucket's name "
                    "and at PIANOLA_IMPORT_S3_ACCESS_KEY and _SECRET_KEY on the worker"
                ) from error
            raise MayPass(str(error)) from error


def _open(bucket: str, settings: PreprocessSettings) -> S3Store:
    if bucket not in settings.import_buckets:
        known = ", ".join(settings.import_buckets) or "none"
        raise BucketRefused(
            f"the bucket {bucket!r} is not one to import from (there are: {known}): add it to PIANOLA_IMPORT_BUCKETS "
            "on the worker"
        )
    if settings.import_s3_endpoint is not None:
        secret = settings.import_s3_secret_key.get_secret_value()
        endpoint, key, region = settings.import_s3_endpoint, settings.import_s3_access_key, settings.import_s3_region
    elif settings.s3_endpoint is not None:
        secret = settings.s3_secret_key.get_secret_value()
        endpoint, key, region = settings.s3_endpoint, settings.s3_access_key, settings.s3_region
    else:
        raise BucketRefused("the worker knows no S3 server: set PIANOLA_IMPORT_S3_ENDPOINT and its keys")
    return S3Store(endpoint, key, secret, bucket, region)
