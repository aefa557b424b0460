"""Where a dataset's objects lie in the store: one folder a dataset, names from the content's sha256.

Whoever uploads, builds and trains agrees on these. Keys that hold a digest are written once and never change.
"""


def file_key(dataset_id: str, sha256: str) -> str:
    """An uploaded MIDI file."""
    return f"datasets/{dataset_id}/files/{sha256}"


def shard_key(dataset_id: str, sha256: str) -> str:
    """A shard of the built dataset."""
    return f"datasets/{dataset_id}/shards/{sha256}.safetensors"


def manifest_key(dataset_id: str, digest: str) -> str:
    """The built dataset's manifest; `digest` is the dataset's."""
    return f"datasets/{dataset_id}/manifest-{digest}.json"
