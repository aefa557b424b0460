"""`pianola train`, `runs`, `cancel`, `pause`, `resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pianola_cli.common import as_json, echo_json, pairs, table, with_client
from pianola_cli.errors import PianolaError

if TYPE_CHECKING:
    from pianola_cli.client import Client, Run


class RunEnded(PianolaError):
    """A run that was watched did not succeed."""

    def __init__(self, run_id: str, state: str, error: str | None) -> None:
        first, _, more = (error or "").partition("\n")
        said = f"run {run_id} {state}" + (f": {first}" if first else "")
        super().__init__(said + (f"\nall of it: pianola runs {run_id}" if more else ""))


@click.command()
@click.argument("dataset")
@click.option("--family", help="Family of models: vae or gan.  [default: that of --from, or vae]")
@click.option("--preset", help="Preset of the family: default or thesis.  [default: that of --from, or default]")
@click.option("--seconds", type=float, help="Train for this long.")
@click.option("--epochs", type=int, help="Train for this many passes over the dataset.")
@click.option("--batch", type=int, help="Windows in a step.")
@click.option("-o", "--option", "options", multiple=True, callback=pairs, metavar="KEY=VALUE",
              help="Set one run option, for example learning_rate=0.0005.")  # fmt: skip
@click.option("--seed", type=int, help="The seed of every random choice.")
@click.option("--model", help="A name that will point at the result.")
@click.option("--from", "source", metavar="MODEL",
              help="Go on from the weights of a model, a run (its id) or a checkpoint (its digest).")  # fmt: skip
@click.option(
    "--condition", metavar="FIELD", help="A label field of the dataset that the model is told, to play by it."
)
@click.option("--device", type=click.Choice(["cpu", "gpu"]),
              help="What to train on; the run waits for a trainer that has it.  [default: cpu]")  # fmt: skip
@click.option("--watch", "watching", is_flag=True, help="Show the progress until the run ends.")
@as_json
@with_client
def train(
    client: Client,
    dataset: str,
    family: str | None,
    preset: str | None,
    seconds: float | None,
    epochs: int | None,
    batch: int | None,
    options: dict[str, object],
    seed: int | None,
    model: str | None,
    source: str | None,
    condition: str | None,
    device: str | None,
    watching: bool,
    as_json: bool,
) -> None:
    """Train a model on DATASET (a name or an id)."""
    if seconds is not None and epochs is not None:
        raise click.UsageError("give --seconds or --epochs, not both")
    named = {"seconds": seconds, "epochs": epochs, "batch": batch, "condition": condition}
    chosen = {**options, **{name: value for name, value in named.items() if value is not None}}
    if family is None and source is None:
        family = "vae"
    run = client.train(dataset, family, preset, chosen, seed, model, device, from_checkpoint=source)
    if watching:
        if not as_json:
            click.echo(f"{run.id}: {run.family} {run.preset} on {run.dataset_name}")
        run = watched(client, run, quiet=as_json)
    if as_json:
        echo_json(run.model_dump(mode="json"))
    elif not watching:
        click.echo(f"{run.id} is {run.state}: {run.family} {run.preset} on {run.dataset_name}")
        click.echo(f"watch it with `pianola watch {run.id}`")


@click.command()
@click.argument("run_id", required=False, metavar="[RUN]")
@click.option("--state", help="Only runs in this state.")
@click.option("--dataset", help="Only runs on this dataset.")
@as_json
@with_client
def runs(client: Client, run_id: str | None, state: str | None, dataset: str | None, as_json: bool) -> None:
    """All runs, or one with its metrics."""
    if run_id is None:
        found = list(client.runs(state, dataset))
        if as_json:
            echo_json([run.model_dump(mode="json") for run in found])
            return
        headings = ("run", "state", "family", "preset", "dataset", "step", "best", "epoch", "model")
        rows = [
            (r.id, r.state, r.family, r.preset, r.dataset_name, r.step, r.best_step, r.epoch, r.model or "-")
            for r in found
        ]
        click.echo(table(headings, rows) if rows else "no runs yet; start one with `pianola train DATASET`")
        return
    run = client.run(run_id)
    points = list(client.metrics(run_id))
    if as_json:
        metrics = [point.model_dump(mode="json") for point in points]
        echo_json({**run.model_dump(mode="json"), "metrics": metrics})
        return
    click.echo(f"{run.id} is {run.state}: {run.family} {run.preset} on {run.dataset_name}, seed {run.seed}")
    if run.from_checkpoint is not None:
        click.echo(f"began with the weights of {run.from_checkpoint.run_id} at step {run.from_checkpoint.step}")
    if run.setup is not None:
        click.echo(str(run.setup))
    if run.error:
        click.echo(run.error)
    if run.best_step is not None:
        keep = run.options.get("keep", "last")
        click.echo(f"best on held-out windows: step {run.best_step}; the {keep} checkpoint plays")
    if points:
        names = sorted({name for point in points for name in point.values})
        values = [(point.step, point.epoch, *(point.values.get(name) for name in names)) for point in points]
        click.echo(table(("step", "epoch", *names), values))


@click.command()
@click.argument("run_id", metavar="RUN")
@with_client
def cancel(client: Client, run_id: str) -> None:
    """Stop a run for good."""
    _echo_state(client.cancel(run_id))


@click.command()
@click.argument("run_id", metavar="RUN")
@with_client
def pause(client: Client, run_id: str) -> None:
    """Stop a run after a checkpoint, to go on later."""
    _echo_state(client.pause(run_id))


@click.command()
@click.argument("run_id", metavar="RUN")
@with_client
def resume(client: Client, run_id: str) -> None:
    """Let a paused run go on."""
    _echo_state(client.resume(run_id))


def _echo_state(run: Run) -> None:
    click.echo(f"{run.id} is {run.state}")


def watched(client: Client, run: Run, quiet: bool = False) -> Run:
    """The run once it has ended well, its progress shown meanwhile. Raises RunEnded."""
    from pianola_cli.progress import RunProgress

    try:
        with RunProgress(run, quiet) as bar:
            ended = client.wait(run.id, told=bar.show)
    except KeyboardInterrupt:
        click.echo(f"\nthe run goes on; watch it with `pianola watch {run.id}`", err=True)
        raise
    if ended.state != "succeeded":
        raise RunEnded(ended.id, ended.state, ended.error)
    return ended
