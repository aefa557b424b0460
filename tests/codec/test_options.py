import dataclasses
import json

import pytest

from pianola.codec.options import PRESETS, BadOption, CodecOptions, codec_options


def test_the_presets_are_those_of_the_design() -> None:
    assert PRESETS["piano"] == CodecOptions("absolute", "channel", 17, 1, "gap", "pad", percussion=False)
    assert PRESETS["thesis"] == CodecOptions("delta", "track", 1, 0, "merge", "drop", percussion=False)


def test_overrides_replace_single_options() -> None:
    options = codec_options("piano", {"partial": "drop", "percussion": True, "lowest_pitch": 0})
    assert options == dataclasses.replace(PRESETS["piano"], partial="drop", percussion=True, lowest_pitch=0)
    assert codec_options("thesis", {}) == PRESETS["thesis"]


CHOOSY = codec_options("piano", {"hop": 24, "metres": ["3/4", "255/128"], "least_notes": 8, "velocity": True})


@pytest.mark.parametrize("options", [*PRESETS.values(), CHOOSY])
def test_json_and_back(options: CodecOptions) -> None:
    values = options.to_json()
    assert json.loads(json.dumps(values)) == values
    assert CodecOptions.from_json(values) == options


def test_what_was_recorded_before_windows_could_be_chosen_reads_with_the_defaults() -> None:
    values = PRESETS["thesis"].to_json()
    for field in ("hop", "metres", "least_notes", "velocity"):
        del values[field]
    assert CodecOptions.from_json(values) == PRESETS["thesis"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rounding", "nearest"),
        ("sounding", None),
        ("lowest_pitch", 33),
        ("lowest_pitch", -1),
        ("lowest_pitch", True),
        ("lowest_pitch", "17"),
        ("shortest", 2),
        ("shortest", False),
        ("restrike", ""),
        ("partial", ["pad"]),
        ("percussion", 1),
        ("percussion", "no"),
        ("hop", 11),
        ("hop", 97),
        ("hop", 24.0),
        ("metres", "4/4"),
        ("metres", ("4/4", "4/4")),
        ("metres", ("0/4",)),
        ("metres", ("256/4",)),
        ("metres", ("4/3",)),
        ("metres", ("4/4 ",)),
        ("metres", (44,)),
        ("metres", None),
        ("least_notes", -1),
        ("least_notes", 1001),
        ("least_notes", True),
        ("velocity", 1),
        ("colour", "red"),
    ],
)
def test_a_bad_option_is_named_with_its_value(field: str, value: object) -> None:
    with pytest.raises(BadOption) as refused:
        codec_options("piano", {field: value})
    assert (refused.value.field, refused.value.value) == (field, value)
    with pytest.raises(BadOption):
        CodecOptions.from_json(PRESETS["piano"].to_json() | {field: value})


def test_the_message_says_what_is_possible() -> None:
    with pytest.raises(BadOption, match=r"^rounding: 'nearest' is not one of absolute, delta$"):
        codec_options("piano", {"rounding": "nearest"})
    with pytest.raises(BadOption, match=r"^lowest_pitch: 40 is not one of 0 to 32$"):
        codec_options("piano", {"lowest_pitch": 40})
    with pytest.raises(BadOption, match=r"^preset: 'jazz' is not one of piano, thesis$"):
        codec_options("jazz", {})
    with pytest.raises(BadOption, match=r"^metres: '4/3' is not a time signature such as 4/4: 1 to 255, a power of 2$"):
        codec_options("piano", {"metres": ["3/4", "4/3"]})
    with pytest.raises(BadOption, match=r"^metres: 4/4, 3/4, 4/4 names one time signature twice$"):
        codec_options("piano", {"metres": ["4/4", "3/4", "4/4"]})
    with pytest.raises(BadOption, match=r"^hop: 8 is not one of 12 to 96$"):
        codec_options("piano", {"hop": 8})
    with pytest.raises(BadOption, match=r"^tempo: no such codec option; there are rounding, "):
        codec_options("piano", {"tempo": 120})


def test_a_missing_field_is_named() -> None:
    values = PRESETS["piano"].to_json()
    del values["restrike"]
    with pytest.raises(BadOption, match="restrike: missing"):
        CodecOptions.from_json(values)
