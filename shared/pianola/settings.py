"""Typed settings from the environment: one class per service, every variable prefixed PIANOLA_."""

import os
import socket
import tempfile
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from pianola.memory import memory_bytes


class Settings(BaseSettings):
    """What every service needs: where records, objects and messages are.

    Objects lie in a local directory (`objects_dir`) or, when `s3_endpoint` is set, in an S3 bucket.
    """

    # The compose file hands on what is not set as an empty string.
    model_config = SettingsConfigDict(env_prefix="PIANOLA_", env_ignore_empty=True, extra="ignore", frozen=True)

    database_url: str = Field(description="sqlite:////absolute/path or postgresql+psycopg://user:password@host/name")
    broker_url: str = Field(description="redis://... or redis+socket://..., the Celery broker")
    objects_dir: Path | None = None
    s3_endpoint: str | None = Field(default=None, description="http(s)://host:port of an S3 server")
    s3_access_key: str = ""
    s3_secret_key: SecretStr = SecretStr("")
    s3_bucket: str = "pianola"
    s3_region: str = "us-east-1"
    log_format: Literal["json", "console"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @model_validator(mode="after")
    def _one_store(self) -> "Settings":
        if (self.objects_dir is None) == (self.s3_endpoint is None):
            raise ValueError("set exactly one of PIANOLA_OBJECTS_DIR (a local directory) and PIANOLA_S3_ENDPOINT")
        return self


class ReapingSettings(Settings):
    """Settings of a service with a reaper beside its work (see pianola.records.reaper): the same in all of them.

    A lease of 60 s outlives five missed heartbeats of 10 s: a worker that stalls for a garbage collection or a short
    database restart keeps its run, one that died gives it up within a minute. A lost lease is seen within it and
    `reap_seconds`: ten processes that look every 5 s ask the database twice a second. What is queued and was sent
    `resend_seconds` ago is sent again: a duplicate costs one claim that finds nothing. Samples that are
    older than `samples_days` are forgotten; they stay for ever where that is not set.
    """

    lease_seconds: float = Field(default=60, gt=0)
    reap_seconds: float = Field(default=5, gt=0)
    resend_seconds: float = Field(default=30, gt=0)
    samples_days: float | None = Field(default=None, gt=0, description="unset: samples are kept for ever")


class HttpSettings(Settings):
    """Settings of a service that listens.

    `auth` is "keys" (every request under /v1 carries an API key) or "none", which is for loopback addresses only.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8470, ge=0, le=65535)
    threads: int = Field(default=16, ge=1, description="request threads; an event stream holds one while it is open")
    auth: Literal["keys", "none"] = "keys"

    @model_validator(mode="after")
    def _open_on_loopback_only(self) -> "HttpSettings":
        if self.auth == "none" and self.host not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError(
                f"PIANOLA_AUTH=none is for loopback addresses, but PIANOLA_HOST is {self.host}: "
                "set PIANOLA_AUTH=keys and make a key with `pianola keys create`"
            )
        return self


class ApiSettings(HttpSettings, ReapingSettings):
    """Settings of the api. Every `gc_hours` it removes garbage, as `pianola gc` does; 0: never.

    Limits of one upload: bytes of a file (the codec refuses larger ones in any case), bytes of a request's body.
    """

    gc_hours: float = Field(default=0, ge=0)
    max_streams: int = Field(default=8, ge=1, description="event streams open at once; more are answered 503")
    max_file_bytes: int = 8 * 2**20
    max_upload_bytes: int = 2 * 2**30
    import_private: bool = Field(default=False, description="as the preprocess worker's: addresses that are not public")


class SamplerSettings(HttpSettings):
    """Settings of the sampler.

    `queue` requests draw or wait for it at once, each for `deadline_seconds` at most; more are answered 429. Threads
    beyond them answer health and refusals. A batch holds `batch_windows`, which `torch_threads` share, and waits
    `batch_seconds` for requests that are likely to come. `models_bytes` bounds the generators kept in memory,
    `cache_bytes` the samples drawn last.
    """

    port: int = Field(default=8471, ge=0, le=65535)
    threads: int = Field(default=64, ge=1, description="request threads")
    torch_threads: int = Field(default=2, ge=1)
    models_bytes: int = Field(default=512 * 2**20, ge=2**20)
    cache_bytes: int = Field(default=32 * 2**20, ge=0)
    queue: int = Field(default=48, ge=1)
    deadline_seconds: float = Field(default=20, gt=0)
    batch_windows: int = Field(default=64, ge=1)
    batch_seconds: float = Field(default=0.003, ge=0, le=1)


class WorkerSettings(ReapingSettings):
    """Settings of a Celery worker: `worker` names it in leases and logs, `spool` holds its unfinished files.

    `alive_file` is touched every 2 s while the worker hears its queue (see hearing.py), for a container's health check.
    """

    worker: str = Field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}")
    spool: Path = Field(default_factory=lambda: Path(tempfile.gettempdir()) / "pianola-spool")
    alive_file: Path | None = None


class PreprocessSettings(WorkerSettings):
    """Settings of the preprocess worker: how many processes read files, and what an import may fetch.

    `import_max_bytes` bounds one import's download. Addresses that are not public are refused unless `import_private`.
    Buckets other than those in `import_buckets` (names with commas between) are refused; they are read at
    `import_s3_endpoint` with its keys, or where that is not set at the store's.
    """

    concurrency: int = Field(default=2, ge=1)
    import_max_bytes: int = Field(default=2 * 2**30, ge=1)
    import_private: bool = False
    import_buckets: Annotated[tuple[str, ...], NoDecode] = ()
    import_s3_endpoint: str | None = Field(default=None, description="http(s)://host:port of an S3 server")
    import_s3_access_key: str = ""
    import_s3_secret_key: SecretStr = SecretStr("")
    import_s3_region: str = "us-east-1"
    heartbeat_seconds: float = Field(default=10, gt=0)

    @field_validator("import_buckets", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            [name for name in (part.strip() for part in value.split(",")) if name] if isinstance(value, str) else value
        )


class TrainerSettings(WorkerSettings):
    """Settings of the trainer worker.

    `poll_seconds` is how soon a cancel or pause is seen. Datasets whose windows take more than `windows_bytes` are
    read from the store as they are trained on. Where `warm`, a process that has imported torch waits for the next
    attempt.
    """

    queues: str = "train,train.gpu,evaluate"
    heartbeat_seconds: float = Field(default=10, gt=0)
    poll_seconds: float = Field(default=1, gt=0)
    torch_threads: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    warm: bool = True
    processes: int = Field(default=1, ge=1, description="that train a run together: as many as the machine has GPUs")
    windows_bytes: int = Field(default_factory=lambda: memory_bytes() // 4, ge=0)
