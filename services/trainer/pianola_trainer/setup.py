"""How a run computes: device, precision, memory layout, threads and processes. Chosen once, by its first attempt.

Weights depend on all of it, bit for bit, so later attempts take what the first one recorded. The choice is told by the
options, or, with precision "auto", by a measurement: see probing.py.
"""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self, get_args

import torch

from pianola.models.family import RunOptions
from pianola.models.learner import Learner
from pianola.models.precision import Precision, has_bfloat16_units, lay_out
from pianola.records.tables import Json
from pianola_trainer.child import VARIABLES

_PRECISIONS: Final = get_args(Precision)


@dataclass(frozen=True)
class Setup:
    """How the steps of a run are computed.

    device: "cpu", or the GPU's name. processes: of one attempt, each with so many threads. windows_per_second: what was
    measured of each candidate, by its name; empty where nothing was.
    """

    device: str
    precision: Precision
    channels_last: bool
    threads: int
    processes: int = 1
    windows_per_second: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """In a few words, such as `bfloat16, channels last, 2 threads`."""
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        return f"{self.precision}, {'channels last' if self.channels_last else 'contiguous'}, {threads}"

    @classmethod
    def of_options(cls, options: RunOptions, processes: int = 1) -> Self:
        """What the options say; the most plain where they leave it to a measurement."""
        precision: Precision = "float32" if options.precision == "auto" else options.precision
        return cls(device_name(), precision, True, permitted_threads(), processes)

    @classmethod
    def of_record(cls, recorded: Json | None, processes: int = 1) -> Self | None:
        """What an earlier attempt chose; None where there is none, or where it cannot be had here."""
        if recorded is None:
            return None
        setup = cls.of_json(recorded)
        here = (device_name(), processes)
        if (setup.device, setup.processes) != here or setup.threads > permitted_threads():
            return None
        if setup.windows_per_second and setup.precision == "bfloat16" and not has_bfloat16_units():
            return None
        return setup

    @classmethod
    def of_json(cls, recorded: Json) -> Self:
        """What `to_json` gave."""
        return cls(**{name: recorded[name] for name in cls.__dataclass_fields__})

    def to_json(self) -> Json:
        """As it is recorded; with torch's version and the process's variables, on which it depends too."""
        variables = {name: os.environ[name] for name in VARIABLES if name in os.environ}
        return {**asdict(self), "torch": torch.__version__, "variables": variables}

    def apply(self, learner: Learner[Any]) -> None:
        """Make this process and a learner that has taken no step compute like this."""
        torch.set_num_threads(self.threads)
        lay_out(learner, self.channels_last)


def device_name() -> str:
    """What learners run on."""
    return torch.cuda.get_device_name() if torch.get_default_device().type == "cuda" else "cpu"


def permitted_threads() -> int:
    """As many threads as the supervisor gave this process."""
    return int(os.environ["OMP_NUM_THREADS"])
