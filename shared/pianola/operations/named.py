"""Which objects the records name."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from pianola.objects.layout import file_key
from pianola.records.tables import Artefact, Checkpoint, Dataset, DatasetFile

_STREAMED = {"yield_per": 5000}


def named_keys(session: Session | Connection) -> Iterator[str]:
    """Keys of the objects that rows name by themselves, some of them several times.

    What a dataset's manifest names (shards, pages, sidecars) is not among them, nor what lies at the place of a sample.
    """
    checkpoints = select(Checkpoint.key, Checkpoint.generator_key, Checkpoint.manifest_key)
    datasets = select(Dataset.manifest_key, Dataset.statistics_key, Dataset.contact_sheet_key)
    for query in (checkpoints, select(Artefact.key), datasets):
        for row in session.execute(query, execution_options=_STREAMED):
            yield from (key for key in row if key is not None)
    files: Any = select(Dataset.folder, DatasetFile.sha256).join(Dataset, Dataset.id == DatasetFile.dataset_id)
    for folder, sha256 in session.execute(files.distinct(), execution_options=_STREAMED):
        yield file_key(folder, sha256)
