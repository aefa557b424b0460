"""Shapes of runs side by side."""

from typing import Final

from pydantic import Field, field_validator

from pianola_api.schemas.common import Body, Resource
from pianola_api.schemas.runs import Evaluation

MOST_RUNS: Final = 6


class ComparisonQuery(Body):
    """Which runs are compared."""

    runs: str = Field(min_length=1, max_length=600, description="ids of one to six runs, with commas between them")

    @property
    def ids(self) -> list[str]:
        """One by one, each once."""
        return list(dict.fromkeys(self.runs.split(",")))

    @field_validator("runs")
    @classmethod
    def _some(cls, value: str) -> str:
        ids = value.split(",")
        if not all(ids) or len(set(ids)) > MOST_RUNS:
            raise ValueError(f"must be the ids of one to {MOST_RUNS} runs, with commas between them")
        return value


class Compared(Resource):
    """One of the runs; `name` is how it is called in the plots."""

    name: str
    run_id: str
    family: str
    preset: str
    seed: int
    evaluation: Evaluation


class Drawing(Resource):
    """A plot of a comparison; `url` answers its bytes."""

    name: str
    kind: str
    media_type: str
    url: str


class Comparison(Resource):
    """Runs side by side: each with its evaluation, and plots of all of them."""

    runs: list[Compared]
    plots: list[Drawing]
