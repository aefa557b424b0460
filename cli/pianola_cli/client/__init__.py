"""A typed Python client for Pianola's HTTP interface.

>>> from pianola_cli.client import Client
>>> with Client("http://127.0.0.1:8470") as pianola:
...     dataset = pianola.create_dataset("sonatinas")
"""

from pianola_cli.client.api import Client
from pianola_cli.client.problems import ApiProblem, FieldProblem, NoAnswer, NotPianola, StillGoing
from pianola_cli.client.resources import (
    Building,
    BuildPace,
    Checkpoint,
    Compared,
    Comparison,
    Condition,
    Dataset,
    DatasetFile,
    DatasetVersion,
    Duplicates,
    Evaluation,
    Event,
    Import,
    Key,
    LabelReport,
    MetricPoint,
    Model,
    Note,
    Plot,
    Progress,
    Recipe,
    Run,
    Sample,
    SampleOptions,
    SampleWindow,
    SkippedFile,
    Source,
    UploadReport,
)
from pianola_cli.files import NothingToRead, SameName

__all__ = [
    "ApiProblem",
    "BuildPace",
    "Building",
    "Checkpoint",
    "Client",
    "Compared",
    "Comparison",
    "Condition",
    "Dataset",
    "DatasetFile",
    "DatasetVersion",
    "Duplicates",
    "Evaluation",
    "Event",
    "FieldProblem",
    "Import",
    "Key",
    "LabelReport",
    "MetricPoint",
    "Model",
    "NoAnswer",
    "NotPianola",
    "Note",
    "NothingToRead",
    "Plot",
    "Progress",
    "Recipe",
    "Run",
    "SameName",
    "Sample",
    "SampleOptions",
    "SampleWindow",
    "SkippedFile",
    "Source",
    "StillGoing",
    "UploadReport",
]
