"""What a run's model is told of every window: the value of one label field of its dataset."""

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from pianola.records.tables import Checkpoint, Dataset, Json, Run


def told_values(labels: Mapping[str, Sequence[str]], field: str | None) -> Json | None:
    """The field with its values in a dataset's vocabulary; None without a field."""
    return None if field is None else {"field": field, "values": list(labels.get(field, ()))}


def condition_of(session: Session, checkpoint: Checkpoint) -> Json | None:
    """The field and its values that the checkpoint's model was told; None for a model without conditions."""
    run = session.get_one(Run, checkpoint.run_id)
    return told_values(session.get_one(Dataset, run.dataset_id).labels, run.options.get("condition"))
