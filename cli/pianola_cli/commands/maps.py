"""`pianola map`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pianola_cli.common import as_json, echo_json, table, with_client

if TYPE_CHECKING:
    from pianola_cli.client import Client

_PICTURES = {".png": "png", ".svg": "svg"}


@click.command("map")
@click.argument("model")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="A .png or .svg file to draw it into.")
@click.option("--field", help="The label field to show; if not given that which the model was told, or the first.")
@as_json
@with_client
def show_map(client: Client, model: str, out: Path | None, field: str | None, as_json: bool) -> None:
    """Where MODEL's encoder puts the windows of its dataset; `pianola sample --at X Y` plays a point."""
    if out is not None:
        form = _PICTURES.get(out.suffix.lower())
        if form is None:
            raise click.UsageError(f"{out.name}: a map is drawn into a .png or .svg file")
        picture = client.map_bytes(model, form, field)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(picture)
    found = client.map(model, field)
    if as_json:
        echo_json(found.model_dump(mode="json"))
        return
    click.echo(
        f"{len(found.windows)} of {found.of} windows of {found.dataset}, checkpoint at step {found.step}: two of "
        f"{found.latent_size} dimensions show {sum(found.variance):.0%} of their variance"
    )
    if found.field is not None:
        counted = Counter(window.label or "-" for window in found.windows)
        middles = {
            label: [(window.x, window.y) for window in found.windows if (window.label or "-") == label]
            for label in counted
        }
        rows = [
            (label, count, *(f"{sum(axis) / count:.3f}" for axis in zip(*middles[label], strict=True)))
            for label, count in counted.most_common()
        ]
        click.echo(table((found.field, "windows", "mean x", "mean y"), rows))
    if out is not None:
        click.echo(str(out))
