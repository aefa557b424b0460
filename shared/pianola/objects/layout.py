"""Where a dataset's objects lie in the store: one folder a dataset, names from the content's sha256.

Whoever uploads, builds and trains agrees on these. Keys that hold a digest are written once and never change.
"""


def dataset_key(dataset_id: str, name: str) -> str:
    """Something in the dataset's folder, by its name there."""
    return f"datasets/{dataset_id}/{name}"


def file_key(dataset_id: str, sha256: str) -> str:
    """An uploaded MIDI file."""
    return dataset_key(dataset_id, f"files/{sha256}")


def shard_key(dataset_id: str, sha256: str) -> str:
    """A shard of the built dataset: its name in the folder is the `key` of the manifest's entry."""
    return dataset_key(dataset_id, f"shards/{sha256}.safetensors")


def manifest_key(dataset_id: str, digest: str) -> str:
    """The built dataset's manifest; `digest` is the dataset's."""
    return dataset_key(dataset_id, f"manifest-{digest}.json")
