"""The commands that let a model play: what they ask the server for, what they write, and what they say of it."""

import base64
import json
import re
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from .scripted import Answer, as_json, body, pianola, scripted

SAMPLE = {"id": "sample_1", "model": "m", "seed": 7, "n": 1, "windows": [{"index": 0, "empty": False}]}


def test_a_sample_becomes_a_midi_file_and_a_picture(tmp_path: Path) -> None:
    answers = (as_json(SAMPLE, 201), Answer(body=b"MThd"), Answer(body=b"\x89PNG"))
    with scripted(*answers) as server:
        out = str(tmp_path / "new" / "out.mid")
        result = pianola("sample", "m", "-o", out, "--png", "--seed", "7", "--snap", "D minor", server=server)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "new" / "out.mid").read_bytes() == b"MThd"
    assert (tmp_path / "new" / "out.png").read_bytes() == b"\x89PNG"
    assert server.asked[0].body == b'{"n":1,"seed":7,"key":"D minor"}'
    assert [asked.path for asked in server.asked[1:]] == [
        "/v1/samples/sample_1?format=midi",
        "/v1/samples/sample_1?format=png",
    ]


def test_many_windows_are_unpacked_into_a_folder_and_empty_ones_are_counted(tmp_path: Path) -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("001.mid", b"MThd")
        archive.writestr("sample.json", b"{}")
    drawn = {**SAMPLE, "n": 2, "windows": [{"index": 0, "empty": True}, {"index": 1, "empty": False}]}
    with scripted(as_json(drawn, 201), Answer(body=packed.getvalue())) as server:
        result = pianola("sample", "m", "-n", "2", "-o", str(tmp_path / "out"), server=server)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "001.mid").read_bytes() == b"MThd"
    assert "1 of 2 windows hold no note" in result.stderr


def test_a_way_between_seeds_becomes_a_file(tmp_path: Path) -> None:
    out = tmp_path / "way.png"
    with scripted(as_json(SAMPLE, 201), Answer(body=b"PNG")) as server:
        result = pianola(
            "interpolate", "m", "-o", str(out), "--from-seed", "1", "--to-seed", "2", "--steps", "5", server=server
        )
    assert result.exit_code == 0, result.output
    assert server.asked[0].path == "/v1/models/m/interpolations"
    assert body(server) == {"from": {"seed": 1}, "to": {"seed": 2}, "steps": 5, "way": "slerp"}
    assert out.read_bytes() == b"PNG"


def test_a_map_is_drawn_and_told_and_its_points_are_played(tmp_path: Path) -> None:
    windows = [{"x": x, "y": -x, "file": "a.mid", "window": 0, "label": "Bach"} for x in (1.0, 2.0)]
    told = {"dataset": "songs@2", "step": 9, "latent_size": 32, "variance": [0.2, 0.1], "field": "composer", "of": 7}
    with scripted(Answer(body=b"PNG"), as_json({**told, "windows": windows})) as server:
        result = pianola("map", "m", "-o", str(tmp_path / "map.png"), "--field", "composer", server=server)
    assert result.exit_code == 0, result.output
    assert [asked.path for asked in server.asked] == ["/v1/models/m/map?format=png&field=composer",
                                                      "/v1/models/m/map?field=composer"]  # fmt: skip
    assert "2 of 7 windows of songs@2, checkpoint at step 9: two of 32 dimensions show 30%" in result.output
    assert re.search(r"Bach +2 +1\.500 +-1\.500", result.output)
    with scripted(as_json(SAMPLE, 201), Answer(body=b"MThd")) as server:
        result = pianola("sample", "m", "-o", str(tmp_path / "here.mid"), "--at", "1", "-0.5", server=server)
    assert result.exit_code == 0, result.output
    assert body(server) == {"at": [[1.0, -0.5]]}


def test_a_piece_is_one_file_and_goes_on_from_a_sample(tmp_path: Path) -> None:
    out = tmp_path / "piece.mid"
    with scripted(as_json({**SAMPLE, "n": 4}, 201), Answer(body=b"MThd")) as server:
        asked = ("play", "m", "-o", str(out), "--beats", "32", "--drift", "0.25", "--from", "sample_1:3", "--seed", "5")
        result = pianola(*asked, server=server)
    assert result.exit_code == 0, result.output
    assert server.asked[0].path == "/v1/models/m/pieces"
    assert body(server) == {"seed": 5, "beats": 32, "drift": 0.25, "from": {"sample": "sample_1", "window": 3}}
    assert out.read_bytes() == b"MThd"
    assert "such as sample_1:3" in pianola("play", "m", "-o", str(out), "--from", "sample_1:x").output


def test_models_show_the_labels_they_can_be_asked_for() -> None:
    values = [f"composer {number}" for number in range(12)]
    told = {"name": "a", "condition": {"field": "composer", "values": values}}
    with scripted(as_json({"items": [told, {"name": "b", "condition": None}]})) as server:
        said = pianola("models", server=server).stdout
    assert "composer: composer 0, composer 1" in said
    assert "composer 7 and 4 more" in said


@pytest.mark.parametrize("command", ["sample", "interpolate", "play", "vary", "reconstruct"])
def test_every_command_that_plays_is_told_how_and_prints_json(command: str, tmp_path: Path) -> None:
    song = tmp_path / "song.mid"
    song.write_bytes(b"MThd song")
    what = {"interpolate": ("m", "--from-seed", "1", "--to-file", str(song)), "vary": (str(song), "--model", "m"),
            "reconstruct": (str(song), "--model", "m")}.get(command, ("m",))  # fmt: skip
    how = ("--threshold", "0.25", "--temperature", "0.5", "--label", "Bach", "--snap", "D minor", "--tempo", "90",
           "--program", "6", "--attribute", "density", "1", "--attribute", "pitch", "-0.5")  # fmt: skip
    out = tmp_path / "out.zip"
    with scripted(as_json(SAMPLE, 201), Answer(body=b"PK")) as server:
        result = pianola(command, *what, *how, "-o", str(out), "--json", server=server)
    assert result.exit_code == 0, result.output
    played = {"threshold": 0.25, "temperature": 0.5, "label": "Bach", "key": "D minor", "tempo": 90.0, "program": 6,
              "attributes": {"density": 1.0, "pitch": -0.5}}  # fmt: skip
    assert played.items() <= body(server).items()
    assert server.asked[1].path == "/v1/samples/sample_1?format=zip"
    told = json.loads(result.stdout)
    assert (told["id"], told["written"], result.stderr) == ("sample_1", [str(out)], "")
    assert out.read_bytes() == b"PK"


def test_a_song_is_varied_and_it_is_said_which_windows_of_it(tmp_path: Path) -> None:
    song = tmp_path / "song.mid"
    song.write_bytes(b"MThd song")
    varied = {**SAMPLE, "n": 6, "source": {"name": "song.mid", "window": 2, "windows": 2, "of": 9}}
    asked = ("vary", str(song), "--model", "m", "--window", "2", "--windows", "2", "--strength", "0.25", "-n", "3")
    with scripted(as_json(varied, 201), Answer(body=b"PNG")) as server:
        result = pianola(*asked, "--seed", "5", "-o", str(tmp_path / "out.png"), server=server)
    assert result.exit_code == 0, result.output
    assert server.asked[0].path == "/v1/models/m/variations"
    source = {"midi": base64.b64encode(b"MThd song").decode(), "name": "song.mid", "window": 2, "windows": 2}
    assert body(server) == {"source": source, "strength": 0.25, "n": 3, "seed": 5}
    assert result.stdout == f"{tmp_path / 'out.png'}\n"
    assert result.stderr == "of 9 windows 2 to 3: --window begins elsewhere\n"
    refused = pianola(*asked, "-o", str(tmp_path / "out.mid"))
    assert (refused.exit_code, "3 windows do not fit one MIDI file" in refused.stderr) == (2, True)


def test_what_a_model_makes_of_a_whole_song_is_one_file(tmp_path: Path) -> None:
    song, out = tmp_path / "song.mid", tmp_path / "again.wav"
    song.write_bytes(b"MThd song")
    again = {**SAMPLE, "n": 9, "source": {"name": "song.mid", "window": 0, "windows": 9, "of": 9}}
    with scripted(as_json(again, 201), Answer(body=b"RIFF")) as server:
        result = pianola("reconstruct", str(song), "--model", "m", "-o", str(out), server=server)
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{out}\n", ""), result.output
    assert server.asked[0].path == "/v1/models/m/reconstructions"
    source = {"midi": base64.b64encode(b"MThd song").decode(), "name": "song.mid", "window": 0}
    assert body(server) == {"source": source}
    assert out.read_bytes() == b"RIFF"


def test_directions_of_a_model_are_a_table_with_what_a_step_is() -> None:
    density = {"name": "density", "more": "denser: more notes", "unit": "notes a window", "step": 20.54, "mean": 48.0,
               "r2": 0.876, "vector": [0.5, 0.25]}  # fmt: skip
    told = {"model": "m", "checkpoint": "c", "family": "vae", "latent_size": 2, "vectors": [density]}
    with scripted(as_json(told), as_json(told)) as server:
        heading, line = pianola("vectors", "m", server=server).stdout.splitlines()
        document = json.loads(pianola("vectors", "m", "--json", server=server).stdout)
    assert [asked.path for asked in server.asked] == ["/v1/models/m/vectors"] * 2
    assert re.split("  +", heading) == ["attribute", "plus is", "a step is", "R2"]
    assert re.split("  +", line) == ["density", "denser: more notes", "20.5 notes a window", "0.88"]
    assert document == told
