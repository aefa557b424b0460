"""A dataset's statistics for a person: figures in lines, histograms as rows of bars.

The document is the server's (see GET /v1/datasets/{dataset}/statistics); what a newer one leaves out is not shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

_WIDTH = 40
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_MOST_ROWS = 12
_NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def summary(found: Mapping[str, Any]) -> str:
    """The statistics as text: what there is, where the notes lie, when they begin, metres, labels."""
    parts = [
        _figures(found),
        _octaves(found.get("note_frequency") or []),
        _bars("notes by where in the beat they begin", _beat(found.get("onset_positions") or [])),
        _bars("windows by metre", _most_first(found.get("metres") or {})),
        *(_label(field, counts) for field, counts in (found.get("labels") or {}).items()),
    ]
    return "\n\n".join(part for part in parts if part)


def pitch_name(pitch: int) -> str:
    """A MIDI pitch by its scientific name: 60 is C4."""
    return f"{_NOTES[pitch % 12]}{pitch // 12 - 1}"


def _figures(found: Mapping[str, Any]) -> str:
    files, held_out, silent = found.get("files") or {}, found.get("held_out"), found.get("silent")
    extra = [f"{held_out:,} held out" if held_out else "", f"{silent:,} silent" if silent else ""]
    about = ", ".join(part for part in extra if part)
    velocity = found.get("velocity") or {}
    lines = [
        ("files", f"{files.get('accepted', 0):,} accepted, {files.get('refused', 0):,} refused"),
        ("windows", f"{found.get('windows', 0):,}" + (f" ({about})" if about else "")),
        ("notes", f"{found.get('notes', 0):,}, {_mean(found, 'notes_in_window')} in a window"),
        ("pitches", _pitches(found.get("pitch_range") or {})),
        ("density", f"{_mean(found, 'density', percent=True)} of the cells lit"),
        ("polyphony", f"{_mean(found, 'polyphony')} pitches at once, where there are any"),
        ("note length", f"{_mean(found, 'note_lengths')} steps (12 a quarter note)"),
        ("tempo", f"{_number((found.get('tempo') or {}).get('median'))} quarter notes a minute, the median"),
        ("velocity", f"{_number(velocity.get('mean'))} on average" if velocity else ""),
    ]
    return "\n".join(f"{name:<12} {said}" for name, said in lines if said)


def _pitches(found: Mapping[str, Any]) -> str:
    lowest, highest = found.get("lowest"), found.get("highest")
    if lowest is None or highest is None:
        return ""
    within = _mean(found, "semitones")
    return f"{pitch_name(lowest)} to {pitch_name(highest)} (MIDI {lowest} to {highest}), {within} semitones in a window"


def _mean(found: Mapping[str, Any], name: str, percent: bool = False) -> str:
    value = (found.get(name) or {}).get("mean")
    return f"{value:.1%}" if percent and value is not None else _number(value)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"


def _octaves(frequency: Sequence[float]) -> str:
    """Shares of the lit steps by octave: 128 bars would fill a screen."""
    by_octave = [
        (f"C{octave} to B{octave}", sum(share for _, share in pitches))
        for octave, pitches in groupby(enumerate(frequency), key=lambda pitch: pitch[0] // 12 - 1)
    ]
    return _bars("lit steps by octave", [(name, share) for name, share in by_octave if share])


def _beat(positions: Sequence[float]) -> list[tuple[str, float]]:
    return [("on the beat" if not step else f"{step}/{len(positions)}", share) for step, share in enumerate(positions)]


def _label(field: str, counts: Mapping[str, Any]) -> str:
    unlabelled = counts.get("unlabelled")
    none = [("(none)", unlabelled)] if unlabelled else []
    return _bars(f"windows by {field}", [*_most_first(counts.get("values") or {}), *none])


def _most_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: -item[1])


def _bars(title: str, rows: Sequence[tuple[str, float]]) -> str:
    """A histogram of named values; of many rows the first are shown. Whole numbers as they are, shares in percent."""
    shown = rows[:_MOST_ROWS]
    largest = max((value for _, value in shown), default=0)
    if not largest:
        return ""
    width = max(len(name) for name, _ in shown)
    numbers = [f"{value:,}" if isinstance(value, int) else f"{value:.1%}" for _, value in shown]
    room = max(len(number) for number in numbers)
    lines = [
        f"  {name:<{width}}  {number:>{room}}  {_bar(value / largest)}".rstrip()
        for (name, value), number in zip(shown, numbers, strict=True)
    ]
    more = [f"  and {len(rows) - len(shown)} more"] if len(rows) > len(shown) else []
    return "\n".join([title, *lines, *more])


def _bar(share: float) -> str:
    eighths = round(share * _WIDTH * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
