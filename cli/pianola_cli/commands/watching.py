"""`pianola watch`: a run or a build, live."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pianola_cli.commands.datasets import echo_built, summary, wait_until_built
from pianola_cli.commands.runs import watched
from pianola_cli.common import with_client

if TYPE_CHECKING:
    from pianola_cli.client import Client

_RUN_PREFIX = "run_"


@click.command()
@click.argument("reference", metavar="RUN|DATASET")
@with_client
def watch(client: Client, reference: str) -> None:
    """Follow a run, or a dataset's build, live until it ends.

    A run is named by its id, a dataset by its id or name.
    """
    # No dataset can be named as a run's id is.
    if reference.startswith(_RUN_PREFIX):
        watched(client, client.run(reference))
        return
    dataset = client.dataset(reference)
    if dataset.state == "building":
        echo_built(client, wait_until_built(client, dataset))
    elif dataset.state == "open":
        click.echo(f"{summary(dataset)}; build it with `pianola dataset build {dataset.name}`")
    else:
        click.echo(summary(dataset))
