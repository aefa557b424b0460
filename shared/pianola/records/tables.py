"""The tables. Ids are strings that sort by time; times are UTC, by the database's clock."""

from datetime import UTC, datetime
from typing import Any, Final, cast

import sqlalchemy
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import JSON

from pianola.records.clock import database_now
from pianola.records.states import DatasetState, EvaluationState, ImportState, RunState

Json = dict[str, Any]


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC: aware in Python on both databases (SQLite keeps no zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database: aware values only."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database: always aware."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Table(DeclarativeBase):
    """Base of every table; constraint names are stable, so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy reads it as a class attribute
        datetime: UtcDateTime(),
        Json: JSON(),
        list[str]: JSON(),
        str: String(200),
    }


def _one_of(
    column: str, states: type[DatasetState] | type[RunState] | type[EvaluationState] | type[ImportState]
) -> CheckConstraint:
    values = ", ".join(f"'{state.value}'" for state in states)
    return CheckConstraint(f"{column} IN ({values})", name=f"{column}_known")


# Sorts by code points on every database: the order of a dataset's files, and with it its digest, depends on it.
_FileName = String(500).with_variant(String(500, collation="C"), "postgresql")


class Dataset(Table):
    """One version of a named set of MIDI files plus options; immutable once built; identified by digest.

    The versions of a name are numbered 1, 2, 3 ...; each but the first began with the files of `parent_id`, the one
    before. `folder` is where the objects of all of them lie: version 1's id. `labels` is the vocabulary, the values of
    every label field. `builds` counts the builds that were started: it fences off the workers of an older one.
    `windows` are those kept, `windows_held_out` of them held out from training; `building_at` is when the chunks of the
    build were cut.
    """

    __tablename__ = "datasets"
    __table_args__ = (_one_of("state", DatasetState), UniqueConstraint("name", "version"))

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    version: Mapped[int] = mapped_column(default=1)
    folder: Mapped[str]
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("datasets.id"))
    state: Mapped[str] = mapped_column(String(20), default=DatasetState.OPEN)
    preset: Mapped[str]
    options: Mapped[Json]
    codec: Mapped[int | None]
    labels: Mapped[Json] = mapped_column(default=dict)
    digest: Mapped[str | None]
    manifest_key: Mapped[str | None]
    statistics_key: Mapped[str | None]
    contact_sheet_key: Mapped[str | None]
    files: Mapped[int] = mapped_column(default=0)
    files_accepted: Mapped[int] = mapped_column(default=0)
    files_refused: Mapped[int] = mapped_column(default=0)
    files_reused: Mapped[int] = mapped_column(default=0)
    windows: Mapped[int] = mapped_column(default=0)
    windows_held_out: Mapped[int] = mapped_column(default=0)
    notes: Mapped[int] = mapped_column(BigInteger, default=0)
    duplicates: Mapped[Json | None] = mapped_column(JSON(none_as_null=True))
    error: Mapped[str | None] = mapped_column(Text)
    builds: Mapped[int] = mapped_column(default=0)
    last_event: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(server_default=database_now())
    updated_at: Mapped[datetime] = mapped_column(server_default=database_now())
    building_at: Mapped[datetime | None]
    built_at: Mapped[datetime | None]


class DatasetFile(Table):
    """One file of a dataset and, once built, the line it has in the report.

    `verdict` is null until built, then "accepted" or "refused"; `position` is its place in the order of names, by which
    shards refer to it. Its windows begin at `row` of the shard with the sha256 `shard`. `labels` are its values by
    field; `duplicate_of` names the near-identical file that was kept instead of it.
    """

    __tablename__ = "dataset_files"
    __table_args__ = (
        Index("ix_dataset_files_position", "dataset_id", "position"),
        Index("ix_dataset_files_sha256", "dataset_id", "sha256"),
    )

    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(_FileName, primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int]
    labels: Mapped[Json] = mapped_column(default=dict)
    position: Mapped[int | None]
    held_out: Mapped[bool] = mapped_column(default=False)
    verdict: Mapped[str | None] = mapped_column(String(20))
    windows: Mapped[int] = mapped_column(default=0)
    notes: Mapped[int] = mapped_column(default=0)
    left_out: Mapped[Json] = mapped_column(default=dict)
    warnings: Mapped[list[str]] = mapped_column(default=list)
    code: Mapped[str | None]
    offset: Mapped[int | None]
    reason: Mapped[str | None] = mapped_column(Text)
    shard: Mapped[str | None] = mapped_column(String(64))
    row: Mapped[int | None]
    duplicate_of: Mapped[str | None] = mapped_column(String(500))


FILES: Final = cast("sqlalchemy.Table", DatasetFile.__table__)
"""For statements over more files than Python should hold."""


class Chunk(Table):
    """One task's share of a build: files [first, last] by position, and what they became.

    `attempts` counts the times it was begun and not given back, `lease_until` is when its worker counts as gone.
    `files` is how many it holds; the other counts are those of a chunk that is done. `page` and `fingerprints` are the
    sha256 of its page of the report and of its fingerprints.
    """

    __tablename__ = "chunks"

    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    first: Mapped[int]
    last: Mapped[int]
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    done: Mapped[bool] = mapped_column(default=False)
    done_at: Mapped[datetime | None]
    files: Mapped[int]
    accepted: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    reused: Mapped[int] = mapped_column(default=0)
    windows: Mapped[int] = mapped_column(default=0)
    notes: Mapped[int] = mapped_column(BigInteger, default=0)
    shards: Mapped[list[Any]] = mapped_column(JSON, default=list)
    page: Mapped[str | None] = mapped_column(String(64))
    fingerprints: Mapped[str | None] = mapped_column(String(64))
    statistics: Mapped[Json | None] = mapped_column(JSON(none_as_null=True))


class Import(Table):
    """Files that a worker fetches into a dataset from `source`. Sizes in bytes; `attempt` is the fencing number,
    `losses` counts workers that were lost; `skipped` has the first 100 files that were not taken: name and reason.
    """

    __tablename__ = "imports"
    __table_args__ = (_one_of("state", ImportState), Index("ix_imports_dataset", "dataset_id", "id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    source: Mapped[Json]
    state: Mapped[str] = mapped_column(String(20), default=ImportState.QUEUED)
    attempt: Mapped[int] = mapped_column(default=0)
    losses: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime] = mapped_column(server_default=database_now())
    sent_at: Mapped[datetime] = mapped_column(server_default=database_now())
    bytes_done: Mapped[int] = mapped_column(BigInteger, default=0)
    bytes_total: Mapped[int | None] = mapped_column(BigInteger)
    files_added: Mapped[int] = mapped_column(default=0)
    files_unchanged: Mapped[int] = mapped_column(default=0)
    files_replaced: Mapped[int] = mapped_column(default=0)
    files_skipped: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[list[Any]] = mapped_column(JSON, default=list)
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(server_default=database_now())
    finished_at: Mapped[datetime | None]


class Run(Table):
    """One training job. The row is the truth: state, attempt (the fencing number) and lease are decided here.

    `options` are the resolved run options; `setup` is how its attempts compute (device, precision, threads ...), chosen
    by the first of them; `from_checkpoint_id` is the checkpoint whose weights it begins with, and cannot be deleted
    while the run is there; `progress` is what the live attempt last said; `barren_attempts` counts attempts in a row
    that ended without a new checkpoint.
    """

    __tablename__ = "runs"
    __table_args__ = (
        _one_of("state", RunState),
        Index("ix_runs_state_lease", "state", "lease_until"),
        Index("ix_runs_dataset", "dataset_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"))
    family: Mapped[str]
    preset: Mapped[str]
    options: Mapped[Json]
    seed: Mapped[int] = mapped_column(BigInteger)
    # Runs and checkpoints refer to each other.
    from_checkpoint_id: Mapped[str | None] = mapped_column(ForeignKey("checkpoints.id", use_alter=True))
    model: Mapped[str | None]
    queue: Mapped[str]
    state: Mapped[str] = mapped_column(String(20), default=RunState.QUEUED)
    attempt: Mapped[int] = mapped_column(default=0)
    barren_attempts: Mapped[int] = mapped_column(default=0)
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime] = mapped_column(server_default=database_now())
    sent_at: Mapped[datetime] = mapped_column(server_default=database_now())
    step: Mapped[int] = mapped_column(default=0)
    epoch: Mapped[int] = mapped_column(default=0)
    setup: Mapped[Json | None] = mapped_column(JSON(none_as_null=True))
    progress: Mapped[Json | None] = mapped_column(JSON(none_as_null=True))
    last_event: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(server_default=database_now())
    updated_at: Mapped[datetime] = mapped_column(server_default=database_now())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class Attempt(Table):
    """One try at a run by one worker; `outcome` and the end of its log stay for whoever asks why it ended."""

    __tablename__ = "attempts"

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    worker: Mapped[str]
    first_step: Mapped[int]
    outcome: Mapped[str | None] = mapped_column(String(20))
    log_tail: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(server_default=database_now())
    ended_at: Mapped[datetime | None]


class Checkpoint(Table):
    """Weights, optimizer, RNG and cursor at one step, committed once; and the generating half alone.

    `digest` and `generator_digest` are the sha256 of the two objects.
    """

    __tablename__ = "checkpoints"
    __table_args__ = (
        UniqueConstraint("run_id", "attempt", "step"),
        Index("ix_checkpoints_generator_digest", "generator_digest"),
        Index("ix_checkpoints_digest", "digest"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    attempt: Mapped[int]
    step: Mapped[int]
    epoch: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(String(500))
    size: Mapped[int] = mapped_column(BigInteger)
    generator_digest: Mapped[str] = mapped_column(String(64))
    generator_key: Mapped[str] = mapped_column(String(500))
    generator_size: Mapped[int] = mapped_column(BigInteger)
    manifest_key: Mapped[str] = mapped_column(String(500))
    final: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(server_default=database_now())


class Metric(Table):
    """One evaluation point: every value measured there. Points of an older attempt past the step a newer one resumed
    from are superseded: kept, but no part of the series.
    """

    __tablename__ = "metrics"

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    step: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    epoch: Mapped[int]
    values: Mapped[Json]
    superseded: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(server_default=database_now())


class Event(Table):
    """Something that happened to a dataset or a run, numbered 1, 2, 3 ... for each without a gap."""

    __tablename__ = "events"

    subject_id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(40))
    data: Mapped[Json]
    created_at: Mapped[datetime] = mapped_column(server_default=database_now())


class Artefact(Table):
    """A file that a run or its evaluation left: pictures, plots, latent positions."""

    __tablename__ = "artefacts"

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    step: Mapped[int]
    key: Mapped[str] = mapped_column(String(500))
    media_type: Mapped[str]
    size: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(server_default=database_now())


class Evaluation(Table):
    """Numbers and plots that compare generated windows with the dataset. The newest of a run counts.

    `attempt` is the fencing number, `barren_attempts` counts those that ended without a word.
    """

    __tablename__ = "evaluations"
    __table_args__ = (_one_of("state", EvaluationState), Index("ix_evaluations_run", "run_id", "id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    checkpoint_id: Mapped[str] = mapped_column(ForeignKey("checkpoints.id"))
    state: Mapped[str] = mapped_column(String(20), default=EvaluationState.QUEUED)
    attempt: Mapped[int] = mapped_column(default=0)
    barren_attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    lease_until: Mapped[datetime] = mapped_column(server_default=database_now())
    sent_at: Mapped[datetime] = mapped_column(server_default=database_now())
    samples: Mapped[int]
    seed: Mapped[int] = mapped_column(BigInteger)
    report: Mapped[Json | None] = mapped_column(JSON(none_as_null=True))
    plots: Mapped[list[str]] = mapped_column(default=list)
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(server_default=database_now())
    finished_at: Mapped[datetime | None]


class Model(Table):
    """A name that points at a checkpoint; what the sampler serves."""

    __tablename__ = "models"

    name: Mapped[str] = mapped_column(primary_key=True)
    checkpoint_id: Mapped[str] = mapped_column(ForeignKey("checkpoints.id"))
    updated_at: Mapped[datetime] = mapped_column(server_default=database_now())


class Sample(Table):
    """What is needed to make generated windows again: the checkpoint's digest, seed or positions, number and options.

    See pianola.records.samples.Recipe.
    """

    __tablename__ = "samples"

    id: Mapped[str] = mapped_column(primary_key=True)
    model: Mapped[str]
    checkpoint: Mapped[str] = mapped_column(String(64))
    seed: Mapped[int | None] = mapped_column(BigInteger)
    z: Mapped[list[list[float]] | None] = mapped_column(JSON(none_as_null=True))
    n: Mapped[int]
    options: Mapped[Json]
    created_at: Mapped[datetime] = mapped_column(server_default=database_now(), index=True)


class Key(Table):
    """An API key: its hash, what it may do and until when. The secret itself is shown once and never kept."""

    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]]
    expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=database_now())


class IdempotentRequest(Table):
    """An answered POST: the same key with the same request gets the same answer, with another it is refused.

    A row without a status is a request still being answered.
    """

    __tablename__ = "idempotent_requests"

    key: Mapped[str] = mapped_column(primary_key=True)
    caller: Mapped[str] = mapped_column(primary_key=True)
    request: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None]
    body: Mapped[Json | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(server_default=database_now())
