"""An evaluation's report for a person: what the model plays beside the data, and one half of the data beside the other.

The document is the server's (see GET /v1/runs/{run}/evaluation); what an older one does not have is not shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pianola_cli.common import table

Report = Mapping[str, Any]


@dataclass(frozen=True)
class _Row:
    """A figure: its name, and where in a report it is of what was generated and of the data (dots between names)."""

    label: str
    generated: str
    data: str = ""


@dataclass(frozen=True)
class _Section:
    title: str
    of_data: str
    rows: tuple[_Row, ...]


def _counted(label: str, name: str) -> _Row:
    return _Row(label, f"generated.{name}", f"data.{name}")


def _played(label: str, name: str) -> _Row:
    return _Row(label, f"music.figures.{name}.generated", f"music.figures.{name}.data")


def _alike(label: str, name: str) -> _Row:
    return _Row(label, f"music.figures.{name}.overlap", f"music.figures.{name}.data_overlap")


def _both(label: str, part: str, name: str) -> _Row:
    return _Row(label, f"{part}.generated.{name}", f"{part}.data.{name}")


_SECTIONS: Final = (
    _Section(
        "what it plays",
        "data",
        (
            _counted("silent windows, share", "empty_share"),
            _counted("lit share of the roll", "density"),
            _counted("notes in a window", "notes_per_window"),
            _counted("pitches used", "pitches_used"),
            _played("length of a note, in 1/12 of a beat", "length"),
            _counted("notes of 3/12 of a beat or longer, share", "qualified_share"),
            _counted("notes at once, while any sounds", "polyphony"),
            _counted("steps with more than two notes, share", "polyphonic_share"),
            _played("spread over the 12 pitch classes (0 one, 2.48 all alike)", "pitch_class_entropy"),
            _played("likeness of a window's beats to one another (0..1)", "self_similarity"),
        ),
    ),
    _Section(
        "how much of it is shared with the data (1 = all)",
        "data with data",
        (
            _alike("notes in a window", "notes"),
            _alike("notes at once", "polyphony"),
            _alike("share of longer notes", "qualified"),
            _alike("mean length of a window's notes", "length"),
            _alike("spread over pitch classes", "pitch_class_entropy"),
            _alike("likeness of beats", "self_similarity"),
            _Row("lengths of notes", "music.lengths.shared", "music.lengths.data_shared"),
            _Row("places in the beat where notes begin", "music.onset_positions.shared",
                 "music.onset_positions.data_shared"),
            _both("played windows that could be the data's (precision)", "fidelity", "precision"),
            _both("the data's windows that it could play (recall)", "fidelity", "recall"),
            _both("how much it stays where the data is dense (density)", "fidelity", "density"),
            _both("the data's windows it came near to (coverage)", "fidelity", "coverage"),
        ),
    ),
    _Section(
        "can it be told from the data (0.5 = no, 1 = always)",
        "data with data",
        (
            _both("the better of two classifiers", "two_sample", "accuracy"),
            _both("by a look at the window", "two_sample", "convolution"),
            _both("by its features", "two_sample", "features"),
        ),
    ),
    _Section(
        "does it copy (distance to the nearest training window: 0 the same, 1 nothing shared)",
        "held-out data",
        (
            _Row("median distance", "copying.generated", "copying.held_out"),
            _Row("as a share of held-out data's", "copying.ratio"),
        ),
    ),
    _Section(
        "note frequency, difference from the data's",
        "",
        (
            _Row("largest", "largest_difference"),
            _Row("total (0..2)", "total_difference"),
        ),
    ),
    _Section(
        "nats to tell a held-out window (fewer is better)",
        "",
        (
            _Row("the model", "likelihood.bound"),
            _Row("the best prediction from pitch alone", "likelihood.pitch"),
            _Row("the best constant prediction", "likelihood.constant"),
            _Row("the model, on those that were weighted", "likelihood.importance_weighted.bound"),
            _Row("the model, importance-weighted", "likelihood.importance_weighted.weighted"),
        ),
    ),
)  # fmt: skip


def report_text(report: Report) -> str:
    """One report: generated and data in columns, and what could not be said."""
    missing = [f"no {_spoken(path)}: {why}" for path, why in (report.get("missing") or {}).items()]
    return "\n\n".join(part for part in (_text([("generated", report)], [("", report)]), "\n".join(missing)) if part)


def comparison_text(runs: Sequence[tuple[str, str, Report]]) -> str:
    """Several reports side by side: (heading, dataset, report) each. One column a run, then one a dataset."""
    of_datasets: dict[str, Report] = {}
    for _, dataset, report in runs:
        of_datasets.setdefault(dataset, report)
    generated = [(heading, report) for heading, _, report in runs]
    return _text(generated, [(f": {dataset}", report) for dataset, report in of_datasets.items()])


def _text(generated: Sequence[tuple[str, Report]], data: Sequence[tuple[str, Report]]) -> str:
    """Every section as a table: columns of what was generated, and of data where the section has such figures."""
    return "\n\n".join(part for section in _SECTIONS if (part := _section_table(section, generated, data)))


def _section_table(
    section: _Section, generated: Sequence[tuple[str, Report]], data: Sequence[tuple[str, Report]]
) -> str:
    beside = data if section.of_data else []
    headings = [*(heading for heading, _ in generated), *(f"{section.of_data}{heading}" for heading, _ in beside)]
    rows = [
        (
            row.label,
            *(_at(report, row.generated) for _, report in generated),
            *(_at(report, row.data) for _, report in beside),
        )
        for row in section.rows
    ]
    known = [row for row in rows if any(cell is not None for cell in row[1:])]
    return table((section.title, *headings), known) if known else ""


def _at(report: Report, path: str) -> object:
    """The number at a path; None where there is none."""
    found: object = report
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def _spoken(path: str) -> str:
    """A path such as "two_sample.data" as "two sample, data"."""
    return path.replace("_", " ").replace(".", ", ")
