import json

import pytest

from pianola.codec.options import PRESETS, BadOption
from pianola.dataset.options import DatasetOptions, dataset_options


def test_a_preset_alone_is_the_codecs_and_changes_nothing_else() -> None:
    options = dataset_options("thesis", {})
    assert options == DatasetOptions(PRESETS["thesis"])
    assert (options.held_out, options.held_out_seed, options.duplicates, options.folder_labels) == (0.0, 0, "keep", ())


def test_options_are_one_flat_object_and_back() -> None:
    overrides = {
        "hop": 48,
        "metres": ["4/4"],
        "velocity": True,
        "held_out": 0.1,
        "held_out_seed": 7,
        "duplicates": "files",
        "folder_labels": ["genre", "composer"],
    }
    options = dataset_options("piano", overrides)
    written = json.loads(json.dumps(options.to_json()))
    assert overrides.items() <= written.items()
    assert DatasetOptions.from_json(written) == options


def test_what_was_written_before_there_were_more_is_read_as_it_was_meant() -> None:
    former = ("rounding", "sounding", "lowest_pitch", "shortest", "restrike", "partial", "percussion")
    written = {field: value for field, value in PRESETS["piano"].to_json().items() if field in former}
    assert DatasetOptions.from_json(written) == dataset_options("piano", {})


def test_a_whole_number_is_a_share_too_and_gives_the_same_options() -> None:
    assert dataset_options("piano", {"held_out": 0}).to_json() == dataset_options("piano", {}).to_json()
    assert isinstance(dataset_options("piano", {"held_out": 0}).held_out, float)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("held_out", 0.6, "0.6 is not a share of files from 0 to 0.5"),
        ("held_out", float("nan"), "nan is not a share"),
        ("held_out", True, "True is not a share"),
        ("held_out_seed", -1, "-1 is not a whole number from 0 to 2147483647"),
        ("held_out_seed", 2**31, "2147483648 is not a whole number"),
        ("duplicates", "drop", "'drop' is not one of keep, windows, files"),
        ("folder_labels", "genre", "'genre' is not a list of fields"),
        ("folder_labels", ["Genre"], "'Genre' is not a field's name: a small letter"),
        ("folder_labels", ["file"], "'file' is not a field's name"),
        ("folder_labels", ["genre", "genre"], "genre, genre names one field twice"),
        ("folder_labels", [f"field{number}" for number in range(9)], "9 fields are more than 8"),
        ("hop", 11, "11 is not one of 12 to 96"),
        ("shuffle", True, "no such option; there are hop, "),
    ],
)
def test_an_option_that_cannot_be_is_refused_by_name(field: str, value: object, said: str) -> None:
    with pytest.raises(BadOption) as refused:
        dataset_options("piano", {field: value})
    assert refused.value.field == field
    assert refused.value.message.startswith(said)
