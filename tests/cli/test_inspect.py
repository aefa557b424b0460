import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from corpus import data_folder, midi_files

from pianola.codec.options import PRESETS
from pianola.codec.verdict import VERDICT_CODES, judge
from pianola_cli.main import main


def inspect(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["inspect", *arguments])


def test_every_dirty_file_is_accepted_or_refused_with_its_reason() -> None:
    folder = data_folder("dirty")
    result = inspect(str(folder), "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    names = [file.relative_to(folder).as_posix() for file in midi_files("dirty")]
    assert [file["name"] for file in report["files"]] == names
    assert report["accepted"] + report["refused"] == len(names)
    for file in report["files"]:
        if file["accepted"]:
            assert file["windows"] > 0
            assert file["notes"] > 0
        else:
            assert file["code"] in VERDICT_CODES
            assert file["offset"] >= 0
            assert file["reason"].endswith(".")


def test_it_says_of_a_file_what_the_codec_says() -> None:
    path = midi_files("small")[0]
    verdict, windows = judge(path.read_bytes(), PRESETS["thesis"])
    report = json.loads(inspect(str(path), "--preset", "thesis", "--json").stdout)
    assert report["files"] == [{"name": path.name, **verdict.to_json()}]
    assert report["windows"] == len(windows)
    assert report["options"]["rounding"] == "delta"


def test_the_table_names_code_byte_and_reason(tmp_path: Path) -> None:
    (tmp_path / "letter.mid").write_bytes(b"Dear Sir or Madam")
    result = inspect(str(tmp_path))
    assert result.exit_code == 0
    assert "letter.mid  refused" in result.stdout
    assert "(byte 0)" in result.stdout
    assert "0 accepted (0 windows), 1 refused" in result.stdout


@pytest.mark.parametrize(("option", "message"), [("pitch=3", "no such codec option"), ("shortest=9", "is not one of")])
def test_a_codec_option_that_cannot_be_is_said_in_one_line(tmp_path: Path, option: str, message: str) -> None:
    (tmp_path / "a.mid").write_bytes(b"")
    result = inspect(str(tmp_path), "-o", option)
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_an_unreadable_file_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "loop.mid").symlink_to(tmp_path / "loop.mid")
    (tmp_path / "gone.mid").symlink_to(tmp_path / "nowhere")
    result = inspect(str(tmp_path))
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)


def test_every_codec_option_may_be_given() -> None:
    path = str(midi_files("small")[0])
    given = ["hop=48", 'metres=["3/4","2/4","4/4","6/8","3/8"]', "least_notes=1", "velocity=true", "percussion=true"]
    report = json.loads(inspect(path, "--json", *(part for option in given for part in ("-o", option))).stdout)
    assert report["options"]["hop"] == 48
    assert report["options"]["metres"] == ["3/4", "2/4", "4/4", "6/8", "3/8"]
    assert report["windows"] > json.loads(inspect(path, "--json").stdout)["windows"], "windows overlap"


def test_a_file_whose_windows_the_filters_all_leave_out_is_refused() -> None:
    report = json.loads(inspect(str(midi_files("small")[0]), "-o", "least_notes=1000", "--json").stdout)
    assert [file["code"] for file in report["files"]] == ["all_filtered"]
