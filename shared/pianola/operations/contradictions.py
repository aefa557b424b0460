"""Settings that are no settings, cannot be read, or contradict one another."""

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal, TypeVar

from pydantic import ValidationError

from pianola.queue import EVALUATE, TRAIN, TRAIN_GPU
from pianola.settings import ApiSettings, PreprocessSettings, SamplerSettings, Settings, TrainerSettings

Told = tuple[Literal["ok", "warning", "error"], str, str]
"""Level, what was found, what to do."""

_PREFIX: Final = "PIANOLA_"
_OF_SERVICES: Final[tuple[type[Settings], ...]] = (ApiSettings, SamplerSettings, PreprocessSettings, TrainerSettings)
# Read by the command, the models, the compose file, tests and benchmarks.
_OTHERS: Final = {
    *("URL", "KEY", "HOME", "FAMILIES", "PURE_READER", "PURE_WRITER", "PLAIN", "RANK", "REQUEST_ID"),
    *("SAMPLER_MEMORY", "PREPROCESS_MEMORY", "TRAINER_MEMORY", "TRAINER_GPU_MEMORY", "COMPOSE_OVERRIDE"),
    *("GATEWAY_HOST", "GATEWAY_PORT", "GRAFANA_PORT", "PROMETHEUS_PORT", "VERSION", "COMMIT", "UPGRADE_FROM"),
    *("DATA", "PEERS", "S3_UP", "ENGINE_UP", "TEST_CONTAINERS", "SCHEMA_CASES", "STEPS"),
    *("FUZZ_SECONDS", "SANITIZE_SEED", "SANITIZE_MUTANTS"),
}
_QUEUES: Final = {TRAIN, TRAIN_GPU, EVALUATE}
# A cancel may take 15 s, of which a trainer may need 10 to end.
_POLL_SECONDS: Final = 4.0

Some = TypeVar("Some", bound=Settings)


def said(error: ValueError) -> str:
    """What a settings class objects to, in one line."""
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(_fault(fault) for fault in error.errors())


def _fault(fault: Mapping[str, object]) -> str:
    loc = fault["loc"]
    name = "_".join(str(part) for part in loc) if isinstance(loc, tuple) else ""
    return f"{f'{_PREFIX}{name.upper()}: ' if name else ''}{str(fault['msg']).removeprefix('Value error, ')}"


def in_environment(environment: Mapping[str, str]) -> Iterator[Told]:
    """Everything that is wrong with the variables, for any of the services."""
    yield from _unknown(environment)
    made: dict[type[Settings], Settings] = {}
    told = _faults(Settings)  # what all have is told by whoever needs it
    for kind in _OF_SERVICES:
        faults = _faults(kind)
        for fault in faults:
            if fault not in told:
                yield "error", fault, "correct it: a service does not start"
        told += faults
        if not faults:
            made[kind] = kind()
    if trainer := _of(made, TrainerSettings):
        yield from _of_trainer(trainer)
    if sampler := _of(made, SamplerSettings):
        yield from _of_sampler(sampler)
    if api := _of(made, ApiSettings):
        yield from _of_all(api)
        if api.max_file_bytes > api.max_upload_bytes:
            found = f"PIANOLA_MAX_FILE_BYTES is {api.max_file_bytes:,}, _MAX_UPLOAD_BYTES {api.max_upload_bytes:,}"
            yield "warning", found, "raise the latter: no upload can hold the largest file"


def _faults(kind: type[Settings]) -> list[str]:
    """What keeps settings of this kind from being made."""
    try:
        kind()
    except ValidationError as error:
        return [_fault(fault) for fault in error.errors()]
    return []


def _of(made: Mapping[type[Settings], Settings], kind: type[Some]) -> Some | None:
    found = made.get(kind)
    return found if isinstance(found, kind) else None


def _unknown(environment: Mapping[str, str]) -> Iterator[Told]:
    known = {name.upper() for kind in _OF_SERVICES for name in kind.model_fields} | _OTHERS
    for name in sorted(environment):
        own = name.removeprefix(_PREFIX)
        if name.startswith(_PREFIX) and own not in known:
            near = difflib.get_close_matches(own, known, 1)
            meant = f"did you mean {_PREFIX}{near[0]}? " if near else ""
            yield "warning", f"{name} is set and nobody reads it", f"{meant}Correct its name, or take it away"


def _of_trainer(settings: TrainerSettings) -> Iterator[Told]:
    if settings.heartbeat_seconds * 2 > settings.lease_seconds:
        found = (
            f"PIANOLA_LEASE_SECONDS is {settings.lease_seconds:g}, _HEARTBEAT_SECONDS {settings.heartbeat_seconds:g}"
        )
        yield "error", f"{found}: a late heartbeat loses a run", "let a lease outlive five heartbeats"
    if settings.poll_seconds > _POLL_SECONDS:
        found = f"PIANOLA_POLL_SECONDS is {settings.poll_seconds:g}: a cancel takes longer than 15 s"
        yield "warning", found, f"set it to {_POLL_SECONDS:g} at the most"
    cores = os.cpu_count() or 1
    if settings.torch_threads > cores:
        found = f"PIANOLA_TORCH_THREADS is {settings.torch_threads}, this machine has {cores} cores"
        yield "warning", found, "threads that fight over cores are many times slower: take as many as there are cores"
    for queue in settings.queues.split(","):
        if queue not in _QUEUES:
            found = f"PIANOLA_QUEUES names {queue!r}, to which nobody sends"
            yield "error", found, f"its queues are {', '.join(sorted(_QUEUES))}, with commas and no spaces between"
    if settings.device == "cpu" and settings.queues == TRAIN_GPU:
        yield "error", "PIANOLA_DEVICE is cpu and PIANOLA_QUEUES train.gpu", "every run fails: set PIANOLA_DEVICE=cuda"


def _of_sampler(settings: SamplerSettings) -> Iterator[Told]:
    # `pianola up` shares the api's threads and sets its own queue.
    if settings.queue >= settings.threads and "PIANOLA_THREADS" in os.environ:
        found = f"PIANOLA_QUEUE is {settings.queue} and PIANOLA_THREADS {settings.threads}"
        yield "warning", f"{found}: a full queue leaves no thread for health checks", "set the former below the latter"


def _of_all(settings: Settings) -> Iterator[Told]:
    on_sqlite = settings.database_url.startswith("sqlite")
    if on_sqlite and settings.s3_endpoint is not None:
        found = "the records are an SQLite file and the objects are on a server"
        yield "warning", found, "only services on this machine see the records: several machines need PostgreSQL"
    if not on_sqlite and settings.objects_dir is not None:
        found = f"the records are on a server and the objects in {settings.objects_dir}"
        yield "warning", found, "services on other machines do not see the objects: set PIANOLA_S3_ENDPOINT instead"
    if settings.s3_endpoint is not None and not (settings.s3_access_key and settings.s3_secret_key.get_secret_value()):
        yield "error", "PIANOLA_S3_ACCESS_KEY or _SECRET_KEY is empty", "set both: the server refuses unsigned requests"
    spool, objects = os.environ.get("PIANOLA_SPOOL"), settings.objects_dir
    if spool and objects is not None and Path(spool).absolute().is_relative_to(objects.absolute()):
        yield "error", f"PIANOLA_SPOOL {spool} is in PIANOLA_OBJECTS_DIR", "give it a folder of its own"
