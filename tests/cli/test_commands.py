import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from pianola_cli.common import table
from pianola_cli.main import main

from .scripted import Answer, as_json, body, pianola, problem, scripted, stream

DATASET = {"id": "ds_1", "name": "small", "state": "open", "preset": "piano", "files": 0}
RUN = {"id": "run_1", "state": "queued", "family": "vae", "preset": "default", "dataset_name": "small"}


def test_help_lists_every_command_with_a_line() -> None:
    said = pianola("--help").output
    for name in ("up", "dataset", "recipes", "train", "runs", "watch", "cancel", "pause", "resume", "models", "sample",
                 "evaluate", "compare", "inspect", "keys", "demo"):  # fmt: skip
        assert f"\n  {name} " in said


def test_a_problem_is_one_line_on_stderr_and_exit_code_1() -> None:
    with scripted(problem(404, "not_found", "no dataset 'nope'")) as server:
        result = pianola("dataset", "show", "nope", server=server)
    assert (result.exit_code, result.stderr, result.stdout) == (1, "Error: no dataset 'nope'\n", "")


@pytest.mark.parametrize(("key", "said"), [("", "asks for an API key"), ("pk_old", "does not know this API key")])
def test_a_missing_or_old_key_is_said(key: str, said: str) -> None:
    with scripted(problem(401, "unauthorised", "send an API key: Authorization: Bearer pk_...")) as server:
        result = pianola("runs", "--key", key, server=server)
    assert result.exit_code == 1
    assert f"{server.url} {said}" in result.stderr


def test_fields_that_the_detail_names_are_not_said_twice() -> None:
    refusal = problem(
        422, "bad_options", "batch must be above 0", [{"field": "batch", "message": "batch must be above 0"}]
    )
    with scripted(refusal) as server:
        assert pianola("train", "small", server=server).stderr == "Error: batch must be above 0\n"


def test_no_server_is_said_in_one_line() -> None:
    result = pianola("runs", "--url", "http://127.0.0.1:9")
    assert result.exit_code == 1
    assert result.stderr == "Error: no Pianola answers at http://127.0.0.1:9; start one with `pianola up`\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "small", "--seconds", "60", "--epochs", "3"], "--seconds or --epochs, not both"),
        (["train", "small", "-o", "batch"], "'batch' is not key=value"),
        (["sample", "m", "-o", "out.mid", "-n", "8"], "8 windows do not fit one MIDI file"),
        (["sample", "m", "-o", "out.wav", "-n", "2"], "2 windows do not fit one WAV file"),
        (["sample", "m", "-o", "out.ogg"], "out.ogg: write to a file (.mid, .wav, .musicxml, .png, .svg, .zip)"),
        (["sample", "m", "-o", "out.mid", "-n", "65"], "65 is not in the range"),
        (["dataset", "add", "small", "no-such-folder"], "does not exist"),
        (["up", "--port", "70000"], "70000 is not in the range"),
        (["inspect"], "Missing argument"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], message: str) -> None:
    result = pianola(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_options_are_read_as_json_where_they_are_json() -> None:
    with scripted(as_json(RUN, 201)) as server:
        arguments = ["train", "small", "--family", "gan", "--epochs", "3", "--seed", "5", "--model", "mine"]
        result = pianola(*arguments, "-o", "loss=hinge", "-o", "learning_rate=5e-4", "-o", "ema=null", server=server)
    assert result.exit_code == 0, result.output
    assert body(server) == {
        "dataset": "small",
        "family": "gan",
        "options": {"loss": "hinge", "learning_rate": 5e-4, "ema": None, "epochs": 3},
        "seed": 5,
        "model": "mine",
    }
    assert "watch it with `pianola watch run_1`" in result.stdout


def test_a_run_is_sent_to_a_device() -> None:
    with scripted(as_json(RUN | {"device": "gpu"}, 201)) as server:
        result = pianola("train", "small", "--device", "gpu", "--json", server=server)
    assert result.exit_code == 0, result.output
    assert body(server)["device"] == "gpu"
    assert json.loads(result.stdout)["device"] == "gpu"
    assert pianola("train", "small", "--device", "tpu").exit_code == 2


def test_a_run_tells_which_of_its_checkpoints_is_best_and_which_plays() -> None:
    run = RUN | {"step": 40, "best_step": 20, "seed": 3, "options": {"keep": "best"}}
    points = [{"step": step, "epoch": 1, "values": {"validation_loss": loss}} for step, loss in ((20, 1.5), (40, 2.5))]
    with scripted(as_json(run), as_json({"items": points, "next_cursor": None})) as server:
        result = pianola("runs", "run_1", server=server)
    assert result.exit_code == 0, result.output
    assert "best on held-out windows: step 20; the best checkpoint plays\n" in result.stdout
    with scripted(as_json({"items": [run], "next_cursor": None})) as server:
        heading, line = pianola("runs", server=server).stdout.splitlines()
    assert heading.split()[5:7] == ["step", "best"]
    assert line.split()[5:7] == ["40", "20"]


def test_a_run_without_a_best_checkpoint_says_nothing_of_one() -> None:
    with scripted(as_json(RUN), as_json({"items": [], "next_cursor": None})) as server:
        result = pianola("runs", "run_1", server=server)
    assert (result.exit_code, "best" in result.stdout) == (0, False), result.output


@pytest.mark.parametrize(
    ("processes", "speeds", "words"),
    [
        (1, {"a": 2.0}, "computes in bfloat16 with 1 thread on cpu, which was measured to be fastest"),
        (2, {}, "computes in bfloat16 with 2 processes with 1 thread each on cpu"),
    ],
)
def test_a_run_tells_how_it_computes(processes: int, speeds: dict[str, float], words: str) -> None:
    setup = {"device": "cpu", "precision": "bfloat16", "threads": 1, "processes": processes}
    run = RUN | {"setup": setup | {"windows_per_second": speeds}}
    with scripted(as_json(run), as_json({"items": [], "next_cursor": None})) as server:
        result = pianola("runs", "run_1", server=server)
    assert words in result.stdout.splitlines(), result.output


def test_the_key_may_come_from_the_environment() -> None:
    with scripted(as_json({"items": [], "next_cursor": None})) as server:
        CliRunner().invoke(main, ["models"], env={"PIANOLA_URL": server.url, "PIANOLA_KEY": "pk_1"})
    assert server.asked[0].headers["authorization"] == "Bearer pk_1"


def test_watching_away_from_a_terminal_prints_lines_and_ends_with_the_run() -> None:
    events = stream(
        'id: 1\nevent: started\ndata: {"attempt": 1}\n\n'
        'event: progress\ndata: {"state": "running", "fraction": 0.25, "loss": 412.5, "eta_seconds": 62}\n\n'
        'id: 2\nevent: evaluated\ndata: {"step": 40, "values": {"kl": 12.25}}\n\n'
        "id: 3\nevent: succeeded\ndata: {}\n\nevent: end\ndata: {}\n\n"
    )
    with scripted(as_json(RUN), events, as_json({**RUN, "state": "succeeded"})) as server:
        result = pianola("watch", "run_1", server=server)
    assert result.exit_code == 0, result.output
    assert "vae default  25% loss 412.5  1:02 left" in result.stdout
    assert "step 40: kl 12.25" in result.stdout


def test_watching_a_run_that_fails_is_exit_code_1_and_says_why() -> None:
    events = stream('id: 1\nevent: failed\ndata: {"error": "no memory"}\n\nevent: end\ndata: {}\n\n')
    with scripted(as_json(RUN), events, as_json({**RUN, "state": "failed", "error": "no memory"})) as server:
        result = pianola("watch", "run_1", server=server)
    assert (result.exit_code, result.stderr) == (1, "Error: run run_1 failed: no memory\n")


def test_an_evaluation_that_is_there_is_not_asked_for_again(tmp_path: Path) -> None:
    report = {
        "generated": {"density": 0.02, "notes": 9},
        "data": {"density": 0.03, "notes": 80},
        "largest_difference": 0.04,
        "note_frequency": {"data": [0.0]},
        "two_sample": {"generated": {"accuracy": 0.75}, "data": None},
        "likelihood": None,
        "missing": {"two_sample.data": "63 windows on a side", "likelihood": "nothing was held out"},
    }
    done = {"id": "ev_1", "run_id": "run_1", "state": "succeeded", "report": report, "plots": ["latent.png"]}
    answers = (as_json({**RUN, "state": "succeeded"}), as_json(done), as_json(done), Answer(body=b"\x89PNG"))
    with scripted(*answers) as server:
        result = pianola("evaluate", "run_1", "-o", str(tmp_path / "plots"), server=server)
    assert result.exit_code == 0, result.output
    assert [asked.method for asked in server.asked] == ["GET"] * 4
    said = [line.split("  ") for line in result.stdout.splitlines() if line]
    lines = {line[0]: [cell.strip() for cell in line[1:] if cell] for line in said}
    assert lines["what it plays"] == ["generated", "data"]
    assert lines["lit share of the roll"] == ["0.02", "0.03"]
    assert lines["largest"] == ["0.04"]
    assert lines["the better of two classifiers"] == ["0.75", "-"]
    assert "no two sample, data: 63 windows on a side\nno likelihood: nothing was held out\n" in result.stdout
    assert "nats" not in result.stdout
    assert (tmp_path / "plots" / "latent.png").read_bytes() == b"\x89PNG"


def test_an_evaluation_of_other_samples_is_asked_for_and_waited_for() -> None:
    queued = {"id": "ev_2", "run_id": "run_1", "state": "queued"}
    failed = {**queued, "state": "failed", "error": "no checkpoint"}
    with scripted(as_json(queued, 202), as_json(queued), as_json(failed)) as server:
        result = pianola("evaluate", "run_1", "--samples", "50", server=server)
    assert body(server) == {"samples": 50}
    assert (result.exit_code, result.stderr) == (1, "Error: the evaluation of run_1 failed: no checkpoint\n")


def evaluated(run_id: str, dataset: str, coverage: float, nats: float | None) -> tuple[Answer, Answer]:
    """What the server says of a run and of its evaluation."""
    fidelity = {"generated": {"coverage": coverage}, "data": {"coverage": 0.97}}
    report = {"fidelity": fidelity, "likelihood": nats and {"bound": nats}}
    run = RUN | {"id": run_id, "state": "succeeded", "dataset_name": dataset, "seed": 1}
    return as_json(run), as_json({"id": "ev_1", "run_id": run_id, "state": "succeeded", "report": report})


def test_runs_are_compared_in_columns_beside_their_datas() -> None:
    answers = (*evaluated("run_1", "small", 0.5, 193.5), *evaluated("run_2", "small", 0.25, None))
    with scripted(*answers, *evaluated("run_3", "large", 0.125, 250.0)) as server:
        result = pianola("compare", "run_1", "run_2", "run_3", server=server)
    assert result.exit_code == 0, result.output
    assert [line.split() for line in result.stdout.splitlines()[:3]] == [
        ["run", "1", "run", "2", "run", "3"],
        ["id", "run_1", "run_2", "run_3"],
        ["dataset", "name", "small", "small", "large"],
    ]
    shared, coverage = result.stdout.split("\n\n")[1].splitlines()
    assert shared.endswith("run 1  run 2  run 3  data with data: small  data with data: large")
    assert coverage.split()[-5:] == ["0.5", "0.25", "0.125", "0.97", "0.97"]
    assert result.stdout.splitlines()[-1].split()[-3:] == ["193.5", "-", "250"]


def test_plots_of_compared_runs_are_saved(tmp_path: Path) -> None:
    names = ("comparison-music.png", "comparison-music.svg")
    drawings = [{"name": name, "kind": "comparison_music", "media_type": "x", "url": "/"} for name in names]
    answers = (*evaluated("run_1", "small", 0.5, 193.5), *evaluated("run_2", "small", 0.25, None))
    with scripted(
        *answers, as_json({"runs": [], "plots": drawings}), Answer(body=b"one"), Answer(body=b"two")
    ) as server:
        result = pianola("compare", "run_1", "run_2", "-o", str(tmp_path / "plots"), server=server)
    assert result.exit_code == 0, result.output
    assert [sent.path for sent in server.asked[4:]] == [
        "/v1/comparisons?runs=run_1%2Crun_2",
        *(f"/v1/comparisons/plots/{name}?runs=run_1%2Crun_2" for name in names),
    ]
    assert [(tmp_path / "plots" / name).read_bytes() for name in names] == [b"one", b"two"]


def test_compared_runs_are_one_json_document() -> None:
    with scripted(*evaluated("run_1", "small", 0.5, 193.5)) as server:
        result = pianola("compare", "run_1", "--json", server=server)
    (found,) = json.loads(result.stdout)
    assert (found["run"]["id"], found["evaluation"]["report"]["likelihood"]) == ("run_1", {"bound": 193.5})


def test_a_run_whose_evaluation_failed_is_not_compared() -> None:
    failed = as_json({"id": "ev_1", "run_id": "run_1", "state": "failed", "error": "no checkpoint"})
    with scripted(as_json(RUN), failed) as server:
        result = pianola("compare", "run_1", server=server)
    assert (result.exit_code, result.stderr) == (1, "Error: the evaluation of run_1 failed: no checkpoint\n")
    assert pianola("compare").exit_code == 2


def test_json_output_is_one_document() -> None:
    with scripted(as_json({"items": [DATASET], "next_cursor": None})) as server:
        result = pianola("dataset", "list", "--json", server=server)
    assert json.loads(result.stdout)[0]["name"] == "small"


def test_tables_are_aligned_and_never_cut() -> None:
    assert table(("name", "windows"), [("a" * 90, 7), ("b", None)]).splitlines() == [
        f"name{' ' * 86}  windows",
        f"{'a' * 90}        7",
        f"b{' ' * 89}        -",
    ]


def test_a_run_goes_on_from_a_model_and_is_told_a_label() -> None:
    source = {"run_id": "run_0", "step": 40, "digest": "d"}
    with scripted(as_json(RUN | {"from_checkpoint": source}, 201)) as server:
        result = pianola("train", "small", "--from", "vienna", "--condition", "composer", server=server)
    assert result.exit_code == 0, result.output
    assert body(server) == {"dataset": "small", "options": {"condition": "composer"}, "from_checkpoint": "vienna"}
    with scripted(as_json(RUN | {"from_checkpoint": source}), as_json({"items": []})) as server:
        assert "began with the weights of run_0 at step 40" in pianola("runs", "run_1", server=server).stdout


def test_without_anything_to_go_on_from_a_vae_is_trained() -> None:
    with scripted(as_json(RUN, 201)) as server:
        assert pianola("train", "small", server=server).exit_code == 0
    assert body(server) == {"dataset": "small", "family": "vae"}
