"""A typed Python client for Pianola's HTTP interface.

>>> from pianola_cli.client import Client
>>> with Client("http://127.0.0.1:8470") as pianola:
...     dataset = pianola.create_dataset("sonatinas")
"""

from pianola_cli.client.api import Client, uploaded
from pianola_cli.client.problems import ApiProblem, FieldProblem, NoAnswer, NotPianola, StillGoing
from pianola_cli.client.resources.datasets import (
    Building,
    BuildPace,
    Dataset,
    DatasetFile,
    DatasetVersion,
    Duplicates,
    Import,
    LabelReport,
    Recipe,
    SkippedFile,
    UploadReport,
)
from pianola_cli.client.resources.keys import Key
from pianola_cli.client.resources.models import (
    Condition,
    LatentMap,
    MapPoint,
    Model,
    Note,
    Sample,
    SampleOptions,
    SampleSource,
    SampleWindow,
    Vector,
    Vectors,
)
from pianola_cli.client.resources.runs import (
    Checkpoint,
    Compared,
    Comparison,
    Evaluation,
    Event,
    MetricPoint,
    Plot,
    Progress,
    Run,
    Setup,
    Source,
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
    "LatentMap",
    "MapPoint",
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
    "SampleSource",
    "SampleWindow",
    "Setup",
    "SkippedFile",
    "Source",
    "StillGoing",
    "UploadReport",
    "Vector",
    "Vectors",
    "uploaded",
]
