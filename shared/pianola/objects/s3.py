"""S3 as object store, through the `minio` client."""

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error
from urllib3 import BaseHTTPResponse

from pianola.objects.store import NotAKey, ObjectMissing, Stored, StoreUnavailable, Unfinished, arriving, checked

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_MULTIPART = 16 * 2**20
_CHUNK = 2**20
_REFUSALS = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"})


class S3Store:
    """Objects in one bucket of an S3 server. See ObjectStore for the promises kept."""

    def __init__(self, endpoint: str, access_key: str, secret_key: str, bucket: str, region: str) -> None:
        address = urlsplit(endpoint)
        if address.scheme not in ("http", "https") or not address.netloc:
            raise ValueError(f"PIANOLA_S3_ENDPOINT must look like http://host:9000, got {endpoint!r}")
        self._bucket = bucket
        self._client = Minio(
            address.netloc,
            access_key=access_key,
            secret_key=secret_key,
            secure=address.scheme == "https",
            region=region,
            # The client's own pool waits 5 minutes x 5 tries; a worker's heartbeat cannot.
            http_client=urllib3.PoolManager(
                timeout=urllib3.Timeout(connect=2, read=30),
                maxsize=16,
                retries=urllib3.Retry(total=3, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504]),
            ),
        )

    def create_bucket(self) -> None:
        """Make the bucket unless it is there."""
        with _translated("create the bucket", self._bucket):
            if not self._client.bucket_exists(self._bucket):
                try:
                    self._client.make_bucket(self._bucket)
                except S3Error as error:
                    # Two services may start at once.
                    if error.code != "BucketAlreadyOwnedByYou":
                        raise

    def put(self, key: str, data: bytes) -> None:
        """Store `data` under `key`."""
        with _translated("write", key):
            self._client.put_object(self._bucket, checked(key), io.BytesIO(data), len(data))

    def put_file(self, key: str, path: Path) -> None:
        """Store the file's bytes under `key`, in parts when it is large."""
        with _translated("write", key):
            self._client.fput_object(self._bucket, checked(key), str(path), part_size=_MULTIPART)

    def get(self, key: str) -> bytes:
        """The object's bytes. Raises ObjectMissing."""
        with self.open(key) as stream:
            return stream.read()

    def head(self, key: str, size: int) -> bytes:
        """The object's first `size` bytes. Raises ObjectMissing."""
        with _translated("read", key):
            try:
                with self._client.get_object(self._bucket, key, length=size) as stream:
                    return stream.read()
            except S3Error as error:
                # Of an empty object there is no first byte to ask for.
                if error.code != "InvalidRange":
                    raise
                return b""

    def get_file(self, key: str, path: Path) -> None:
        """Write the object's bytes to `path`. Raises ObjectMissing."""
        with self.open(key) as stream, arriving(path) as target:
            shutil.copyfileobj(stream, target, _CHUNK)

    def open(self, key: str) -> IO[bytes]:
        """A stream of the object's bytes; the caller closes it. Raises ObjectMissing."""
        with _translated("read", key):
            return io.BufferedReader(_Body(self._client.get_object(self._bucket, key), key), _CHUNK)

    def exists(self, key: str) -> bool:
        """Whether the object is there."""
        return self.stat(key) is not None

    def stat(self, key: str) -> Stored | None:
        """The object as it is listed; None where it is not there."""
        try:
            with _translated("look up", key):
                found = self._client.stat_object(self._bucket, key)
        except ObjectMissing:
            return None
        assert found.last_modified is not None  # every server says it
        return Stored(key, found.size or 0, found.last_modified)

    def keys(self, prefix: str) -> Iterator[str]:
        """Keys that begin with `prefix`, in order."""
        for found in self.listed(prefix):
            yield found.key

    def listed(self, prefix: str) -> Iterator[Stored]:
        """Objects whose keys begin with `prefix`, in order."""
        with _translated("list", prefix):
            for found in self._client.list_objects(self._bucket, prefix=prefix, recursive=True):
                if found.object_name and found.last_modified:
                    yield Stored(found.object_name, found.size or 0, found.last_modified)

    def delete(self, key: str) -> None:
        """Remove the object; a missing one is no error."""
        with _translated("delete", key):
            self._client.remove_object(self._bucket, key)

    def unfinished(self) -> Iterator[Unfinished]:
        """Writes that have not ended: under way, or left by writers that were killed."""
        key_marker, id_marker = None, None
        while True:
            with _translated("list unfinished uploads of", self._bucket):
                # The client has no public method for these: held to its release by our pin.
                page = self._client._list_multipart_uploads(
                    self._bucket, key_marker=key_marker, upload_id_marker=id_marker
                )
            for upload in page.uploads:
                if upload.initiated_time is not None and upload.upload_id is not None:
                    yield Unfinished(upload.object_name, upload.upload_id, 0, upload.initiated_time)
            if not page.is_truncated:
                return
            key_marker, id_marker = page.next_key_marker, page.next_upload_id_marker

    def abandon(self, write: Unfinished) -> None:
        """Give the room of an unfinished write back; one that is gone is no error."""
        with _translated("end the upload of", write.key):
            try:
                self._client._abort_multipart_upload(self._bucket, write.key, write.token)
            except S3Error as error:
                if error.code != "NoSuchUpload":
                    raise

    def ready(self) -> None:
        """Raise StoreUnavailable unless the bucket answers."""
        with _translated("find the bucket", self._bucket):
            if not self._client.bucket_exists(self._bucket):
                raise StoreUnavailable(f"find the bucket {self._bucket}", "it does not exist")


class _Body(io.RawIOBase):
    """What a server answers, read so that it ends in StoreUnavailable where it ends too early."""

    def __init__(self, answer: BaseHTTPResponse, key: str) -> None:
        self._answer = answer
        self._key = key

    def readable(self) -> bool:
        return True

    def readinto(self, target: "WriteableBuffer") -> int:
        with _translated("read", self._key):
            return self._answer.readinto(memoryview(target))

    def readall(self) -> bytes:
        # In one piece: RawIOBase would ask for 8 KiB at a time.
        with _translated("read", self._key):
            return self._answer.read()

    def close(self) -> None:
        # Read to its end, urllib3 has taken the connection back; else it is of no more use.
        self._answer.close()
        super().close()


@contextmanager
def _translated(action: str, key: str) -> Iterator[None]:
    try:
        yield
    except S3Error as error:
        if error.code in ("NoSuchKey", "NoSuchObject"):
            raise ObjectMissing(key) from None
        hint = ": look at PIANOLA_S3_ACCESS_KEY and PIANOLA_S3_SECRET_KEY" if error.code in _REFUSALS else ""
        raise StoreUnavailable(f"{action} {key}", f"{error.code}: {error.message or 'refused'}{hint}") from error
    except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
        raise StoreUnavailable(f"{action} {key}", error) from error
    except ValueError:
        # The client's own check of a name, before it asks for anything.
        raise NotAKey(key) from None
