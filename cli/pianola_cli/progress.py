"""Progress for a person: a live bar in a terminal, plain lines elsewhere (a log file, a pipe)."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from pianola_cli.client import Building, Event, Import, Run

_LINE_EVERY_S = 5.0
_QUIET_KINDS = frozenset({"created", "started", "progress"})


class _Bar:
    """A bar from 0 to 1 with a text beside it; lines instead where there is no terminal."""

    def __init__(self, title: str, quiet: bool) -> None:
        self._title = title
        self._quiet = quiet
        self._live: RichProgress | None = None
        self._last_line = 0.0
        self._last_text = ""

    def __enter__(self) -> Self:
        if sys.stdout.isatty() and not self._quiet:
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TextColumn("{task.fields[said]}"),
            )
            self._live = Progress(*columns)
            self._live.start()
            self._task = self._live.add_task(self._title, total=None, said="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def move(self, fraction: float | None, said: str) -> None:
        """Show how far it is, where that is known, and `said` beside it."""
        if self._live is not None:
            # rich keeps a task's total when it is told None: a bar whose end is not known yet just runs.
            self._live.update(self._task, total=None if fraction is None else 1.0, completed=fraction or 0.0, said=said)
            return
        now = time.monotonic()
        known = [] if fraction is None else [f"{fraction:4.0%}"]
        text = " ".join([self._title, *known, said]).rstrip()
        if self._quiet or text == self._last_text or now - self._last_line < _LINE_EVERY_S:
            return
        self._last_line, self._last_text = now, text
        click.echo(text)

    def say(self, line: str) -> None:
        """A line that stays."""
        if self._live is not None:
            self._live.console.print(line, highlight=False, markup=False)
        elif not self._quiet:
            click.echo(line)


class RunProgress(_Bar):
    """The progress of a run, from its events."""

    def __init__(self, run: Run, quiet: bool = False) -> None:
        super().__init__(f"{run.family} {run.preset or ''}".rstrip(), quiet)
        self._fraction = 0.0

    def show(self, event: Event) -> None:
        """Move the bar on by what `event` says."""
        if event.kind == "progress":
            data = event.data.get("progress") if isinstance(event.data.get("progress"), Mapping) else event.data
            self._fraction = _number(data, "fraction") or self._fraction
            self.move(self._fraction, progress_text(event.data.get("state"), data))
        elif event.kind == "evaluated":
            self.say(f"  step {event.data.get('step')}: {values_text(event.data.get('values'))}")
        elif event.kind == "set_up":
            # Its module takes long to import, and who has an event has it already.
            from pianola_cli.client import Setup

            self.say(f"  {Setup.model_validate(event.data)}")
        elif event.kind == "succeeded":
            self.move(1.0, "done")
            self.say("  succeeded")
        elif event.kind not in _QUIET_KINDS:
            reason = event.data.get("error") or event.data.get("reason")
            self.say(f"  {event.kind.replace('_', ' ')}" + (f": {reason}" if reason else ""))


class BuildProgress(_Bar):
    """The progress of a dataset's build."""

    def show(self, building: Building) -> None:
        """Move the bar to the share of the files that is done."""
        self.move(building.files_done / building.files if building.files else 0.0, building_text(building))


class ImportProgress(_Bar):
    """The progress of an import."""

    def show(self, current: Import) -> None:
        """Move the bar to the share of the bytes that has come."""
        fraction = current.bytes_done / current.bytes_total if current.bytes_total else None
        self.move(fraction, import_text(current))


def building_text(building: Building) -> str:
    """Files done of all, those refused or reused, windows, speed and time left, as far as they are known."""
    finishing = building.state == "building" and 0 < building.files == building.files_done
    speed, left = (None, None) if finishing else (building.windows_per_second, building.eta_seconds)
    parts = [
        f"{building.files_done:,} of {building.files:,} files",
        f"{building.files_refused:,} refused" if building.files_refused else "",
        f"{building.files_reused:,} reused" if building.files_reused else "",
        f"{building.windows:,} windows",
        f"{speed:,.0f} windows/s" if speed is not None else "",
        f"{duration(left)} left" if left is not None else "",
        "finishing" if finishing else "",
    ]
    return "  ".join(part for part in parts if part)


def import_text(current: Import) -> str:
    """Bytes that have come, of all where that is known, and files."""
    of = f" of {size(current.bytes_total)}" if current.bytes_total else ""
    parts = [
        current.state if current.state == "queued" else "",
        f"{size(current.bytes_done)}{of}",
        f"{current.files_added:,} files",
        f"{current.files_skipped:,} skipped" if current.files_skipped else "",
    ]
    return "  ".join(part for part in parts if part)


def progress_text(state: object, data: Any) -> str:
    """Loss, speed and time left, as far as they are known."""
    loss, speed, left = (_number(data, name) for name in ("loss", "windows_per_second", "eta_seconds"))
    parts = [
        str(state) if state not in (None, "running") else "",
        f"loss {loss:.4g}" if loss is not None else "",
        f"{speed:.0f} windows/s" if speed is not None else "",
        f"{duration(left)} left" if left is not None else "",
    ]
    return "  ".join(part for part in parts if part)


def values_text(values: object) -> str:
    """Metrics as `name value` pairs; what the bar says already, of the training windows, is left out."""
    if not isinstance(values, Mapping):
        return ""
    return "  ".join(
        f"{name} {value:.4g}"
        for name, value in values.items()
        if isinstance(value, int | float) and name != "windows_per_second" and not name.startswith("train_")
    )


def duration(seconds: float) -> str:
    """Seconds as 0:42 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(count: int) -> str:
    """Bytes as 812 B, 1.4 kB or 56 MB."""
    amount, units = float(count), iter(("B", "kB", "MB", "GB"))
    unit = next(units)
    while amount >= 999.5 and (larger := next(units, None)):
        amount, unit = amount / 1000, larger
    return f"{amount:.1f} {unit}" if amount < 9.95 and unit != "B" else f"{amount:.0f} {unit}"


def _number(data: object, name: str) -> float | None:
    value = data.get(name) if isinstance(data, Mapping) else None
    return float(value) if isinstance(value, int | float) else None
