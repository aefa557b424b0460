"""A typed Python client for Pianola's HTTP interface.

>>> from pianola_cli.client import Client
>>> with Client("http://127.0.0.1:8470") as pianola:
...     dataset = pianola.create_dataset("sonatinas")
"""

from pianola_cli.client.api import Client
from pianola_cli.client.problems import ApiProblem, FieldProblem, NoAnswer, NotPianola, StillGoing
from pianola_cli.client.resources import (
    Checkpoint,
    Dataset,
    DatasetFile,
    Evaluation,
    Event,
    Key,
    MetricPoint,
    Model,
    Note,
    Plot,
    Progress,
    Run,
    Sample,
    SampleOptions,
    SampleWindow,
    SkippedFile,
    UploadReport,
)
from pianola_cli.files import NothingToRead, SameName

__all__ = [
    "ApiProblem",
    "Checkpoint",
    "Client",
    "Dataset",
    "DatasetFile",
    "Evaluation",
    "Event",
    "FieldProblem",
    "Key",
    "MetricPoint",
    "Model",
    "NoAnswer",
    "NotPianola",
    "Note",
    "NothingToRead",
    "Plot",
    "Progress",
    "Run",
    "SameName",
    "Sample",
    "SampleOptions",
    "SampleWindow",
    "SkippedFile",
    "StillGoing",
    "UploadReport",
]
