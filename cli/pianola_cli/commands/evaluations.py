"""`pianola evaluate`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pianola_cli.common import as_json, echo_json, table, with_client
from pianola_cli.errors import PianolaError

if TYPE_CHECKING:
    from pianola_cli.client import Client, Evaluation


class EvaluationFailed(PianolaError):
    """An evaluation did not come to an end."""

    def __init__(self, run_id: str, error: str | None) -> None:
        super().__init__(f"the evaluation of {run_id} failed: {error or 'no reason given'}")


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option("-o", "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder to save the plots in.")
@click.option("--samples", type=click.IntRange(1), help="How many windows to draw.")
@click.option("--seed", type=int, help="The seed they are drawn with.")
@as_json
@with_client
def evaluate(
    client: Client, run_id: str, out: Path | None, samples: int | None, seed: int | None, as_json: bool
) -> None:
    """Compare what a run's model plays with its dataset."""
    if samples is not None or seed is not None or not _evaluated(client, run_id):
        client.evaluate(run_id, samples, seed)
    done = finished(client, run_id)
    if as_json:
        echo_json(done.model_dump(mode="json"))
    else:
        click.echo(report_table(done))
    if out is not None:
        for path in save_plots(client, done, out):
            click.echo(str(path), err=as_json)


def _evaluated(client: Client, run_id: str) -> bool:
    """Whether the evaluation that follows a run's success is there, or on its way, and says all there is to say."""
    from pianola_cli.client import ApiProblem

    if not client.run(run_id).ended:
        return False
    try:
        return client.evaluation(run_id).state != "failed"
    except ApiProblem as problem:
        if problem.status != 404:
            raise
        return False


def finished(client: Client, run_id: str, seconds: float = 3600) -> Evaluation:
    """The evaluation once it has succeeded. Raises EvaluationFailed, and StillGoing after `seconds`."""
    done = client.wait_for_evaluation(run_id, seconds)
    if done.state != "succeeded":
        raise EvaluationFailed(run_id, done.error)
    return done


def save_plots(client: Client, done: Evaluation, out: Path) -> list[Path]:
    """Save an evaluation's plots in the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for name in done.plots:
        path = out / Path(name).name
        path.write_bytes(client.plot_bytes(done.run_id, name))
        written.append(path)
    return written


def report_table(done: Evaluation) -> str:
    """The report's numbers: those of both sides next to each other, then the rest."""
    report = done.report or {}
    data, generated = report.get("data"), report.get("generated")
    lines = []
    if isinstance(data, Mapping) and isinstance(generated, Mapping):
        both = [name for name in data if name in generated and _is_number(data[name])]
        lines.append(table(("", "data", "generated"), [(name, data[name], generated[name]) for name in both]))
    single = [(name, value) for name, value in report.items() if _is_number(value)]
    if single:
        lines.append(table(("comparison", "value"), single))
    return "\n\n".join(lines)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
