"""Where a dataset's objects lie in the store: one folder for all versions of a name, names from the content's sha256.

Whoever uploads, builds and trains agrees on these. `folder` is the dataset's `folder`. Keys that hold a digest are
written once and never change.
"""


def dataset_key(folder: str, name: str) -> str:
    """Something in the dataset's folder, by its name there."""
    return f"datasets/{folder}/{name}"


def file_key(folder: str, sha256: str) -> str:
    """An uploaded MIDI file."""
    return dataset_key(folder, f"files/{sha256}")


def shard_key(folder: str, sha256: str) -> str:
    """A shard: its name in the folder is the `key` of the manifest's entry."""
    return dataset_key(folder, f"shards/{sha256}.safetensors")


def page_key(folder: str, sha256: str) -> str:
    """A page of the report: its name in the folder is the `key` of the manifest's entry."""
    return dataset_key(folder, f"report/{sha256}.json")


def sidecar_key(folder: str, sha256: str) -> str:
    """What goes with shards: a chunk's fingerprints, the bits of the windows kept, the near-identical files."""
    return dataset_key(folder, f"sidecars/{sha256}")


def manifest_key(folder: str, digest: str) -> str:
    """A built version's manifest; `digest` is the dataset's."""
    return dataset_key(folder, f"manifest-{digest}.json")


def statistics_key(folder: str, digest: str) -> str:
    """The statistics of the version with this digest, as JSON."""
    return dataset_key(folder, f"statistics-{digest}.json")


def contact_sheet_key(folder: str, digest: str) -> str:
    """The contact sheet of the version with this digest, as PNG."""
    return dataset_key(folder, f"contact-sheet-{digest}.png")
