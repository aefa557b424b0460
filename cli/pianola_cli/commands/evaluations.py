"""`pianola evaluate` and `pianola compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pianola_cli.common import as_json, echo_json, table, with_client
from pianola_cli.comparison import comparison_text, report_text
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
        click.echo(report_text(done.report or {}))
    if out is not None:
        for path in save_plots(client, done, out):
            click.echo(str(path), err=as_json)


@click.command()
@click.argument("run_ids", metavar="RUN...", nargs=-1, required=True)
@click.option("-o", "--out", type=click.Path(file_okay=False, path_type=Path),
              help="Folder to save plots in, of up to six runs on one dataset.")  # fmt: skip
@as_json
@with_client
def compare(client: Client, run_ids: tuple[str, ...], out: Path | None, as_json: bool) -> None:
    """Evaluations of several runs side by side; each has been evaluated, or is being so."""
    found = [(client.run(run_id), finished(client, run_id)) for run_id in run_ids]
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for plot in client.comparison(run_ids).plots:
            path = out / Path(plot.name).name
            path.write_bytes(client.comparison_plot_bytes(run_ids, plot.name))
            click.echo(str(path), err=True)
    if as_json:
        pairs = [{"run": run, "evaluation": done} for run, done in found]
        echo_json([{name: one.model_dump(mode="json") for name, one in pair.items()} for pair in pairs])
        return
    named = [(f"run {place}", run, done.report or {}) for place, (run, done) in enumerate(found, 1)]
    facts = [
        (fact.replace("_", " "), *(getattr(run, fact) for _, run, _ in named))
        for fact in ("id", "dataset_name", "family", "preset", "seed")
    ]
    click.echo(table(("", *(name for name, _, _ in named)), facts) + "\n")
    click.echo(comparison_text([(name, run.dataset_name or "", report) for name, run, report in named]))


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
