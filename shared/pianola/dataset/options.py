"""Dataset options: how MIDI becomes a roll, what is held out, what counts as a duplicate, where labels come from."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pianola.codec.options import BadOption, CodecOptions, codec_options
from pianola.dataset.labels import FIELD_RULE, MOST_FIELDS, is_field

MOST_HELD_OUT: Final = 0.5
"""No more than half of the files are held out."""
_LARGEST_SEED: Final = 2**31 - 1
_DUPLICATES: Final = ("keep", "windows", "files")
_CODEC_FIELDS: Final = frozenset(field.name for field in dataclasses.fields(CodecOptions))


@dataclass(frozen=True)
class DatasetOptions:
    """All that decides, besides its files and labels, what a dataset holds; every field is part of its digest.

    codec: how MIDI becomes windows.
    held_out: the share of files held out from training, 0 to 0.5; 0 leaves that to each run.
    held_out_seed: which files those are, 0 to 2^31 - 1.
    duplicates: "keep" leaves all windows; of identical windows "windows" keeps the first; "files" leaves out the
        windows of near-identical files too.
    folder_labels: fields that a file's folders give: with ("genre", "composer") the first folder of its name is the
        genre and the second the composer.

    Raises BadOption.
    """

    codec: CodecOptions
    held_out: float = 0.0
    held_out_seed: int = 0
    duplicates: Literal["keep", "windows", "files"] = "keep"
    folder_labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if type(self.held_out) is not float or not 0 <= self.held_out <= MOST_HELD_OUT:
            message = f"{self.held_out!r} is not a share of files from 0 to {MOST_HELD_OUT}"
            raise BadOption("held_out", self.held_out, message)
        if type(self.held_out_seed) is not int or not 0 <= self.held_out_seed <= _LARGEST_SEED:
            message = f"{self.held_out_seed!r} is not a whole number from 0 to {_LARGEST_SEED}"
            raise BadOption("held_out_seed", self.held_out_seed, message)
        if self.duplicates not in _DUPLICATES:
            message = f"{self.duplicates!r} is not one of {', '.join(_DUPLICATES)}"
            raise BadOption("duplicates", self.duplicates, message)
        _check_fields(self.folder_labels)

    def to_json(self) -> dict[str, object]:
        """Every field by name in one flat object, the codec's too, as JSON values."""
        own = {field: getattr(self, field) for field in _OWN_FIELDS}
        return self.codec.to_json() | own | {"folder_labels": list(self.folder_labels)}

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> "DatasetOptions":
        """The options that `to_json` wrote, also before a dataset had others than the codec's. Raises BadOption."""
        codec, own = _parted(values)
        return cls(CodecOptions.from_json(codec), **own)  # type: ignore[arg-type]  # __post_init__ checks the values


_OWN_FIELDS: Final = tuple(field.name for field in dataclasses.fields(DatasetOptions) if field.name != "codec")


def dataset_options(preset: str, overrides: Mapping[str, object]) -> DatasetOptions:
    """The codec preset's options with some of a dataset's options replaced: `overrides` are JSON values.

    Raises BadOption(field, value, message).
    """
    codec, own = _parted(overrides)
    return DatasetOptions(codec_options(preset, codec), **own)  # type: ignore[arg-type]  # __post_init__ checks the values


def _parted(values: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    """The codec's options and the others, these as Python values where JSON has another kind."""
    for field, value in values.items():
        if field not in _CODEC_FIELDS and field not in _OWN_FIELDS:
            known = ", ".join([*sorted(_CODEC_FIELDS), *_OWN_FIELDS])
            raise BadOption(field, value, f"no such option; there are {known}")
    own = {field: value for field, value in values.items() if field in _OWN_FIELDS}
    if type(own.get("held_out")) is int:
        own["held_out"] = float(own["held_out"])  # type: ignore[arg-type]  # an int by the line above
    if isinstance(fields := own.get("folder_labels"), list):
        own["folder_labels"] = tuple(fields)
    return {field: value for field, value in values.items() if field in _CODEC_FIELDS}, own


def _check_fields(fields: object) -> None:
    """Raise BadOption unless `fields` are different names of label fields."""
    if not isinstance(fields, tuple):
        message = f'{fields!r} is not a list of fields, for example ["genre", "composer"]'
        raise BadOption("folder_labels", fields, message)
    for field in fields:
        if not isinstance(field, str) or not is_field(field):
            raise BadOption("folder_labels", fields, f"{field!r} is not a field's name: {FIELD_RULE}")
    if len(set(fields)) < len(fields):
        raise BadOption("folder_labels", fields, f"{', '.join(fields)} names one field twice")
    if len(fields) > MOST_FIELDS:
        raise BadOption("folder_labels", fields, f"{len(fields)} fields are more than {MOST_FIELDS}")
