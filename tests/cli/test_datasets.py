"""The commands for datasets: builds, versions, labels, imports, and what is in them."""

import json
from pathlib import Path
from typing import Any

import pytest

from pianola_cli.client import Building, Client, Import
from pianola_cli.progress import building_text, import_text

from .scripted import Answer, as_json, body, pianola, problem, scripted, stream

OPEN = {"id": "ds_1", "name": "small", "version": 1, "state": "open", "preset": "piano", "files": 2}
BUILDING = OPEN | {"state": "building", "files_done": 1, "files_refused": 0, "files_reused": 0, "windows": 4}
BUILT = BUILDING | {"state": "built", "files_accepted": 1, "files_refused": 1, "windows": 9, "notes": 80}
NO_PAGE = as_json({"items": [], "next_cursor": None})
REFUSED = {"name": "bad.mid", "verdict": "refused", "code": "truncated", "offset": 22, "reason": "it ends early"}
REPORT = as_json({"items": [REFUSED], "next_cursor": None})


def progress(**said: Any) -> str:
    data = {"state": "building", "files": 5000, "files_done": 0, "files_refused": 0, "files_reused": 0, "windows": 0}
    return f"event: progress\ndata: {json.dumps(data | said)}\n\n"


MOVING = stream(
    "id: 1\nevent: created\ndata: {}\n\n"
    + progress(files_done=1200, files_refused=12, windows=45120, windows_per_second=3100.4, eta_seconds=62.0)
    + "id: 2\nevent: built\ndata: {}\n\nevent: end\ndata: {}\n\n"
)


def test_a_build_is_followed_by_events_and_what_was_refused_is_listed() -> None:
    with scripted(as_json(BUILDING, 202), as_json(BUILDING), MOVING, as_json(BUILT), REPORT) as server:
        result = pianola("dataset", "build", "small", server=server)
    assert result.exit_code == 0, result.output
    assert "1 files accepted, 1 refused, 9 windows" in result.stdout
    assert "bad.mid  truncated    22  it ends early" in result.stdout
    assert server.asked[2].headers["accept"] == "text/event-stream"


def test_a_build_whose_events_nobody_streams_is_asked_for_instead() -> None:
    refused = problem(503, "too-many-streams", "8 event streams are open already")
    with (
        scripted(as_json(BUILDING), refused, as_json(BUILDING), as_json(BUILT)) as server,
        Client(server.url) as client,
    ):
        told: list[Building] = []
        built = client.wait_for_dataset("small", told=told.append)
    assert built.state == "built"
    assert [building.files_done for building in told] == [1, 1, 1]
    assert [asked.path for asked in server.asked[1:]] == ["/v1/datasets/ds_1/events", *["/v1/datasets/ds_1"] * 2]


def test_a_build_whose_stream_breaks_is_waited_for_to_its_end() -> None:
    broken = stream(progress(files_done=1))
    with (
        scripted(as_json(BUILDING), broken, Answer(drop=True), as_json(BUILDING), as_json(BUILT)) as server,
        Client(server.url) as client,
    ):
        assert client.wait_for_dataset("small").state == "built"


def test_progress_says_files_refused_windows_speed_and_time_left() -> None:
    building = Building(
        state="building", files=5000, files_done=1200, files_refused=12, windows=45120, windows_per_second=3100.4,
        eta_seconds=62,
    )  # fmt: skip
    assert building_text(building) == "1,200 of 5,000 files  12 refused  45,120 windows  3,100 windows/s  1:02 left"
    assert building_text(Building(state="building", files=3)) == "0 of 3 files  0 windows"
    read = Building(state="building", files=3, files_done=3, windows_per_second=9, eta_seconds=0)
    assert building_text(read) == "3 of 3 files  0 windows  finishing"


def test_watch_follows_a_dataset_by_name_or_id() -> None:
    with scripted(as_json(BUILDING), as_json(BUILDING), MOVING, as_json(BUILT), REPORT) as server:
        result = pianola("watch", "small", server=server)
    assert result.exit_code == 0, result.output
    assert "small  50% 1 of 2 files  4 windows" in result.stdout
    assert "small is built: 1 files accepted, 1 refused" in result.stdout


def test_watch_of_a_dataset_that_nobody_builds_says_what_it_is() -> None:
    with scripted(as_json(OPEN)) as server:
        result = pianola("watch", "ds_1", server=server)
    assert result.stdout == "small is open: 2 files; build it with `pianola dataset build small`\n"


def test_a_build_that_fails_is_exit_code_1_and_says_why() -> None:
    failed = BUILDING | {"state": "failed", "error": "every file was refused"}
    with scripted(as_json(BUILDING), as_json(BUILDING), MOVING, as_json(failed)) as server:
        result = pianola("watch", "small", server=server)
    assert (result.exit_code, result.stderr) == (1, "Error: dataset small failed to build: every file was refused\n")


def test_files_for_a_built_dataset_go_into_its_next_version(tmp_path: Path) -> None:
    (tmp_path / "a.mid").write_bytes(b"MThd")
    version = {"id": "ds_2", "name": "small", "version": 2, "state": "open"}
    report = {"added": 1, "unchanged": 3, "replaced": 1, "files": [], "skipped": [], "dataset": version}
    with scripted(as_json(report, 201)) as server:
        result = pianola("dataset", "add", "small", str(tmp_path), server=server)
    assert result.exit_code == 0, result.output
    assert "1 files added, 3 were there already, 1 replaced" in result.stdout
    assert "version 2 of small has them" in result.stdout
    assert "pianola dataset build small" in result.stdout


def test_labels_come_from_a_csv(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("\ufefffile,composer\na.mid,Bartók\n", encoding="utf-8")
    report = {"labelled": 1, "fields": ["composer"], "unknown": ["b.mid"], "dataset": OPEN}
    with scripted(as_json(report)) as server:
        result = pianola("dataset", "label", "small", str(table), server=server)
    assert result.exit_code == 0, result.output
    assert (server.asked[0].method, server.asked[0].path) == ("PUT", "/v1/datasets/small/labels")
    assert server.asked[0].headers["content-type"] == "text/csv; charset=utf-8"
    assert server.asked[0].body.decode() == "file,composer\na.mid,Bartók\n"
    assert "1 files labelled with composer" in result.stdout
    assert "no file is called b.mid" in result.stdout


def test_versions_of_a_dataset_are_listed() -> None:
    with scripted(as_json({"items": [BUILT | {"version": 2}, BUILT], "next_cursor": None})) as server:
        result = pianola("dataset", "list", "--name", "small", server=server)
    assert server.asked[0].path.endswith("name=small")
    assert [line.split()[:3] for line in result.stdout.splitlines()[1:]] == [
        ["small", "2", "built"],
        ["small", "1", "built"],
    ]


IMPORT = {"id": "imp_1", "dataset_id": "ds_1", "state": "running", "bytes_done": 500, "bytes_total": 2000}
CAME = IMPORT | {"state": "succeeded", "bytes_done": 2000, "files_added": 3, "files_skipped": 102}
SKIPPED = [{"name": "readme.txt", "reason": "not a MIDI file by its name"}]


def test_an_import_is_waited_for_and_says_what_it_brought() -> None:
    came = CAME | {"skipped": SKIPPED}
    with scripted(as_json(IMPORT, 201), as_json(IMPORT), as_json(came)) as server:
        arguments = ["--from", "https://example.org/a.zip", "--sha256", "0" * 64]
        result = pianola("dataset", "import", "small", *arguments, server=server)
    assert result.exit_code == 0, result.output
    assert body(server) == {"kind": "url", "url": "https://example.org/a.zip", "sha256": "0" * 64}
    assert "small  25% 500 B of 2.0 kB  0 files" in result.stdout
    assert "3 files added, 0 were there already" in result.stdout
    assert "skipped readme.txt: not a MIDI file by its name\nand 101 more were skipped" in result.stdout


def test_an_import_from_s3_names_bucket_and_prefix() -> None:
    with scripted(as_json(IMPORT, 201)) as server:
        result = pianola("dataset", "import", "small", "--from", "s3://scores/vienna/op 1", "--no-wait", server=server)
    assert body(server) == {"kind": "s3", "bucket": "scores", "prefix": "vienna/op 1"}
    assert result.stdout == "imp_1 is running; it goes on by itself\n"


def test_an_import_that_fails_is_exit_code_1_and_says_why() -> None:
    failed = IMPORT | {"state": "failed", "error": "the content has another sha256"}
    with scripted(as_json(IMPORT, 201), as_json(failed)) as server:
        arguments = ["--from", "https://example.org/a.zip", "--sha256", "0" * 64]
        result = pianola("dataset", "import", "small", *arguments, server=server)
    assert (result.exit_code, result.stderr) == (1, "Error: import imp_1 failed: the content has another sha256\n")


def test_a_recipe_is_imported_with_its_licence_accepted() -> None:
    with scripted(as_json(IMPORT, 201), as_json(CAME)) as server:
        result = pianola("dataset", "import", "small", "--recipe", "nottingham", "--accept-licence", server=server)
    assert result.exit_code == 0, result.output
    assert body(server) == {"kind": "recipe", "recipe": "nottingham", "accept_licence": True}


def test_a_licence_that_nobody_accepted_is_refused_in_the_servers_words() -> None:
    with scripted(problem(422, "licence-not-accepted", "accept GPL-3.0 to import it")) as server:
        result = pianola("dataset", "import", "small", "--recipe", "nottingham", server=server)
    assert (result.exit_code, result.stderr) == (1, "Error: accept GPL-3.0 to import it\n")
    assert body(server)["accept_licence"] is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give one of --from and --recipe"),
        (["--recipe", "a", "--from", "s3://b"], "give one of"),
        (["--from", "https://example.org/a.zip"], "an address needs --sha256"),
    ],
)
def test_an_import_has_one_source(arguments: list[str], message: str) -> None:
    result = pianola("dataset", "import", "small", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_recipes_are_listed_with_their_licences() -> None:
    recipe = {
        "name": "nottingham",
        "title": "Nottingham",
        "files": 1034,
        "size": 1_234_567,
        "licence": "GPL-3.0",
        "licence_url": "u",
    }
    with scripted(as_json({"items": [recipe]})) as server:
        result = pianola("recipes", server=server)
    assert "nottingham  Nottingham   1034  1.2 MB  GPL-3.0" in result.stdout


def test_the_size_of_an_import_that_is_not_known_is_not_made_up() -> None:
    current = Import(id="imp_1", dataset_id="ds_1", state="running", bytes_done=56_300_000, files_added=2000)
    assert import_text(current) == "56 MB  2,000 files"


def test_the_contact_sheet_is_saved(tmp_path: Path) -> None:
    out = tmp_path / "new" / "sheet.png"
    with scripted(Answer(body=b"\x89PNG", content_type="image/png")) as server:
        result = pianola("dataset", "sheet", "small@2", "-o", str(out), server=server)
    assert result.exit_code == 0, result.output
    assert out.read_bytes() == b"\x89PNG"
    assert server.asked[0].path == "/v1/datasets/small%402/contact-sheet"


STATISTICS: dict[str, Any] = {
    "windows": 309, "held_out": 101, "silent": 0, "notes": 11724,
    "files": {"total": 12, "accepted": 11, "refused": 1, "windows_in_file": {"from": [1], "files": [11]}},
    "note_frequency": [0.75 if pitch == 60 else 0.25 if pitch == 72 else 0.0 for pitch in range(128)],
    "pitch_range": {"lowest": 60, "highest": 72, "semitones": {"mean": 9.5, "windows": []}},
    "density": {"mean": 0.0181, "bar": 0.0026, "windows": []},
    "polyphony": {"mean": 1.92, "steps": []},
    "onset_positions": [0.5, 0, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 0],
    "notes_in_window": {"mean": 37.94, "bar": 4, "windows": []},
    "note_lengths": {"mean": None, "notes": []},
    "tempo": {"median": 119, "bar": 10, "windows": []},
    "metres": {"3/4": 100, "2/4": 200},
    "velocity": None,
    "labels": {"composer": {"values": {f"composer {n:02}": n for n in range(20)}, "unlabelled": 5}},
}  # fmt: skip


def test_statistics_are_shown_as_figures_and_bars() -> None:
    with scripted(as_json(STATISTICS)) as server:
        said = pianola("dataset", "stats", "small", server=server).stdout
    assert "windows      309 (101 held out)" in said
    assert "C4 to C5 (MIDI 60 to 72), 9.5 semitones in a window" in said
    assert "note length  - steps" in said, "the mean of nothing is not made up"
    assert "velocity" not in said
    assert f"  C4 to B4  75.0%  {'█' * 40}\n  C5 to B5  25.0%  {'█' * 13}▍\n" in said
    assert f"  2/4  200  {'█' * 40}\n  3/4  100  {'█' * 20}\n" in said
    assert said.index("composer 19") < said.index("composer 18")
    assert said.endswith("  and 9 more\n")


def test_statistics_as_json_are_the_servers() -> None:
    with scripted(as_json(STATISTICS)) as server:
        result = pianola("dataset", "stats", "small", "--json", server=server)
    assert json.loads(result.stdout) == STATISTICS


def test_statistics_of_a_dataset_not_built_are_one_line() -> None:
    with scripted(problem(404, "not-built", "dataset 'small' is open and has no statistics")) as server:
        result = pianola("dataset", "stats", "small", server=server)
    assert (result.exit_code, result.stderr) == (1, "Error: dataset 'small' is open and has no statistics\n")
