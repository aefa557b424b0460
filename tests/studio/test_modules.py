"""Single modules of the studio in a real browser."""

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from pianola.dataset.options import dataset_options

from .serving import Modules, serve

NOTHING = "\N{EN DASH}"


@pytest.fixture(scope="module")
def modules() -> Iterator[Modules]:
    with serve() as served:
        yield served


@pytest.fixture
def run(modules: Modules, browser_page: Page) -> Any:
    """Runs the body of an async function in which `load(name)` imports a module of the studio."""
    browser_page.goto(modules.url)
    head = "async (given) => { const load = (name) => import(`/studio/${name}`);"
    return lambda body, given=None: browser_page.evaluate(f"{head} {body} }}", given)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_stream_is_cut_into_messages_wherever_it_was_torn(run: Any, size: int, end: str) -> None:
    lines = [
        ": hello",
        "",
        "id: 4",
        "event: evaluated",
        "data: one",
        "data:two",
        "",
        "retry: 9",
        "data",
        "",
        "event: x",
        "",
        "data: z",
        "",
    ]
    text = end.join(lines) + end
    heard = run(
        """
        const { EventStreamParser } = await load("sse.js");
        const heard = [];
        const parser = new EventStreamParser((message) => heard.push(message));
        for (let i = 0; i < given.text.length; i += given.size) parser.push(given.text.slice(i, i + given.size));
        parser.push("");
        return heard;
        """,
        {"text": text + ": the next line shows that the last one has ended\n", "size": size},
    )
    assert heard == [
        {"id": "4", "event": "evaluated", "data": "one\ntwo"},
        {"id": None, "event": "message", "data": ""},
        {"id": None, "event": "message", "data": "z"},
    ]


def test_a_broken_stream_goes_on_after_the_last_event_with_the_key(run: Any, modules: Modules) -> None:
    heard = run(
        """
        const { setKey } = await load("api.js");
        const { follow } = await load("sse.js");
        setKey("pk_test");
        const heard = [];
        const connected = [];
        const signal = new AbortController().signal;
        const onMessage = ({ event, data }) => heard.push([event, data]);
        await follow("/stream", { signal, onMessage, onConnection: (on) => connected.push(on) });
        return [heard, connected];
        """
    )
    assert heard == [
        [
            ["started", "{}"],
            ["progress", "1"],
            ["evaluated", "two\nlines"],
            ["succeeded", "{}"],
            ["end", "{}"],
        ],
        [True, False, True, False, True],
    ]
    assert modules.last_event_ids == [None, "1", "2"]
    assert modules.keys == ["Bearer pk_test"] * 3


def test_points_of_an_attempt_that_was_taken_over_are_void(run: Any) -> None:
    points = [
        {"step": step, "epoch": 1, "attempt": attempt, "values": {"train_loss": loss, "validation_loss": None}}
        for step, attempt, loss in [(10, 1, 5.0), (20, 1, 4.0), (30, 1, 3.0), (20, 2, 4.5), (30, 2, 3.5)]
    ]
    drawn = run('const { curves } = await load("curves.js"); return curves(given);', points)
    assert [(curve["key"], [line["label"] for line in curve["series"]]) for curve in drawn] == [("loss", ["training"])]
    assert drawn[0]["series"][0]["points"] == [{"x": 10, "y": 5}, {"x": 20, "y": 4.5}, {"x": 30, "y": 3.5}]


def test_a_metric_nobody_foresaw_has_a_chart_of_its_own(run: Any) -> None:
    points = [
        {"step": 1, "epoch": 1, "attempt": 1, "values": {"swing_feel": 0.5, "accuracy_real": 0.9, "accuracy_fake": 0.4}}
    ]
    drawn = run('const { curves } = await load("curves.js"); return curves(given);', points)
    assert [(curve["title"], len(curve["series"])) for curve in drawn] == [
        ("Discriminator accuracy", 2),
        ("Swing feel", 1),
    ]


def test_a_report_is_told_in_tables_with_data_beside_data(run: Any) -> None:
    report = {
        "generated": {"density": 0.021, "empty_share": 0},
        "data": {"density": 0.03, "empty_share": 0.5},
        "fidelity": {"generated": {"coverage": 0.46}, "data": {"coverage": 0.97}},
        "two_sample": {"generated": {"accuracy": 0.81, "asked_about": 150}, "data": None},
        "copying": {"generated": 0.5, "held_out": 0.625, "ratio": 0.8, "windows": {"training": 240}},
        "likelihood": {"bound": 193.5, "windows": 58, "importance_weighted": {"weighted": 185.25, "windows": 58}},
        "missing": {"two_sample.data": "9 windows on a side"},
    }
    tables, notes = run(
        """
        const { reportTables, reportNotes } = await load("report_tables.js");
        const texts = (parent) => [...parent.children].map((one) => one.textContent);
        const rows = (part) => [...part.querySelectorAll("tr")].map(texts);
        const tables = reportTables(given).filter((part) => part.querySelector("table"));
        const notes = texts(reportNotes(given));
        return [tables.map((part) => [part.getAttribute("aria-label"), rows(part)]), notes];
        """,
        report,
    )
    assert tables == [
        [
            "Evaluation",
            [
                ["", "Generated", "Dataset"],
                ["Lit share of the roll", "2.1 %", "3.0 %"],
                ["Silent windows", "0 %", "50 %"],
            ],
        ],
        [
            "Shared with the data",
            [
                ["", "Generated and data", "Data and data"],
                ["The data's windows that it came near to (coverage)", "46 %", "97 %"],
            ],
        ],
        [
            "Told from the data",
            [
                ["", "Generated or data", "One half of the data or the other"],
                ["The better classifier", "81 %", NOTHING],
            ],
        ],
        [
            "Copied or new",
            [
                ["", "Generated", "Held out"],
                ["Median distance", "0.5", "0.625"],
                ["As a share of that of held-out windows", "80 %", NOTHING],
            ],
        ],
        [
            "Surprise at unseen music",
            [["", "Nats a window"], ["The model", "193.5"], ["The model, importance-weighted", "185.3"]],
        ],
    ]
    assert notes == [
        "Classifiers were asked about 150 windows a side that they had not learned from.",
        "Copies were looked for in 240 training windows.",
        "Surprise at 58 held-out windows; weighted: 58.",
        "No two sample, data: 9 windows on a side.",
    ]


@pytest.mark.parametrize("report", [{}, {"generated": {"density": 0.02}, "data": {"density": 0.03}}])
def test_a_report_of_an_older_version_has_fewer_tables(run: Any, report: dict[str, Any]) -> None:
    shown = run(
        """
        const { reportTables, reportNotes } = await load("report_tables.js");
        return [reportTables(given).length, reportNotes(given).childElementCount];
        """,
        report,
    )
    assert shown == [len(report) // 2, 0]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.25, 0.5, 0.75, 1]),
        (3, 97, [0, 25, 50, 75, 100]),
        (-0.3, 0.3, [-0.4, -0.2, 0, 0.2, 0.4]),
        (7, 7, [6, 8]),
    ],
)
def test_axes_have_round_numbers_around_the_values(run: Any, low: float, high: float, expected: list[float]) -> None:
    assert run('return (await load("chart.js")).ticks(...given, 4);', [low, high]) == expected


def test_uploads_go_in_batches_of_files_and_bytes(run: Any) -> None:
    sizes = run(
        """
        const { batches } = await load("upload.js");
        const chosen = given.map((size, i) => ({ path: `${i}.mid`, file: { size } }));
        return batches(chosen).map((batch) => batch.map(({ file }) => file.size));
        """,
        [9_000_000, 5_000_000, 3_000_000, *[1] * 60],
    )
    assert sizes == [[9_000_000], [5_000_000, 3_000_000], [1] * 50, [1] * 10]


def test_a_window_is_drawn_with_its_lowest_row_at_the_bottom(run: Any) -> None:
    """A low long note and a high short one: where the canvas is lit."""
    lit = run(
        """
        const { Roll } = await load("roll.js");
        const notes = [{ pitch: 48, start: 0, length: 96 }, { pitch: 71, start: 48, length: 12 }];
        document.documentElement.style.cssText =
          "--roll-sheet:#fff;--roll-sharp:#fff;--roll-beat:#fff;--roll-bar:#fff;--ink-soft:#fff;" +
          "--roll-low:#000;--roll-high:#000;--roll-lit:#000;--accent:#f00";
        const roll = new Roll(notes, { low: 48, high: 71 }, "two notes", new AbortController().signal);
        roll.canvas.style.cssText = "display:block;width:418px;height:240px";
        document.body.append(roll.canvas);
        roll.redraw();
        const pen = roll.canvas.getContext("2d");
        const dark = (x, y) => pen.getImageData(x, y, 1, 1).data[0] < 128;
        const at = (step) => 34 + step * 4 + 2;
        return [[2, 235], [90, 235], [50, 5], [40, 5], [62, 5], [50, 100]].map(([step, y]) => dark(at(step), y));
        """
    )
    assert lit == [True, True, True, False, False, False]


def test_notes_sound_and_the_dampers_stop_them(run: Any) -> None:
    loud, quiet, steps = run(
        """
        const { Player, synth } = await load("player.js");
        const player = new Player();
        const steps = [];
        const part = { notes: [{ pitch: 60, start: 0, length: 48 }], steps: 96, onStep: (step) => steps.push(step) };
        const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
        await player.play(part);
        let loud = 0;
        for (let i = 0; i < 20; i += 1) {
          await rest(25);
          loud = Math.max(loud, synth.peak());
        }
        player.stop();
        let quiet = 1;
        for (let i = 0; i < 100 && quiet > 0.001; i += 1) {
          await rest(50);
          quiet = synth.peak();
        }
        return [loud, quiet, steps];
        """
    )
    assert loud > 0.02
    assert quiet < 0.001
    assert steps[-1] is None
    moving = steps[:-1]
    assert moving == sorted(moving)
    assert 3 < moving[-1] < 24  # 0.5 s at 120 quarter notes a minute are 12 steps


def test_bars_are_read_with_the_arrow_keys_and_summed_up_in_words(run: Any) -> None:
    said = run(
        """
        const { Histogram } = await load("histogram.js");
        const bars = [["silence", 1], ["1 note", 3], ["2 notes", 0]].map(([name, value]) => ({ name, value }));
        const signal = new AbortController().signal;
        const chart = new Histogram({ title: "Polyphony", words: "mean 0.8", unit: "step", bars }, signal);
        document.body.append(chart.element);
        chart.redraw();
        const press = (key) => chart.svg.dispatchEvent(new KeyboardEvent("keydown", { key }));
        const said = [chart.where.textContent];
        for (const key of ["ArrowRight", "ArrowRight", "End", "ArrowRight", "Home", "ArrowLeft"]) {
          press(key);
          said.push(chart.where.textContent);
        }
        chart.svg.dispatchEvent(new FocusEvent("blur"));
        return [...said, chart.where.textContent, chart.svg.getAttribute("aria-label")];
        """
    )
    assert said == [
        "mean 0.8; 4 steps",
        "silence: 1 step, 25 %",
        "1 note: 3 steps, 75 %",
        "2 notes: 0 steps, 0 %",
        "2 notes: 0 steps, 0 %",
        "silence: 1 step, 25 %",
        "silence: 1 step, 25 %",
        "mean 0.8; 4 steps",
        "Polyphony, 3 bars: mean 0.8; 4 steps; most at 1 note, 3 steps",
    ]


@pytest.mark.parametrize("down", [None, {"label": "dataset", "values": [0] * 59 + [1.0] + [0] * 68}])
def test_note_frequency_stands_over_whole_octaves(run: Any, down: dict[str, Any] | None) -> None:
    keys, bars, label = run(
        """
        const { pitchBars } = await load("bars.js");
        const figure = pitchBars(given.up, given.down, new AbortController().signal);
        document.body.append(figure);
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
        const number = (query) => figure.querySelectorAll(query).length;
        return [number(".key"), number(".bar, .bar-generated"), figure.querySelector("svg").ariaLabel];
        """,
        {"up": {"label": "generated", "values": [0] * 61 + [0.75, 0.25] + [0] * 65}, "down": down},
    )
    octaves = 1 if down is None else 2  # C4 to B4; with the B below also C3 to B3
    assert (keys, bars) == (12 * octaves, 12 * octaves)
    assert label.endswith("most at C♯4, 75 %")


@pytest.mark.parametrize("preset", ["piano", "thesis"])
def test_the_form_for_datasets_begins_with_the_presets_values(run: Any, preset: str) -> None:
    options = dataset_options(preset, {}).to_json()
    values, fields = run(
        """
        const { OPTIONS, PRESETS } = await load("dataset_options.js");
        return [PRESETS[given].values, Object.keys(OPTIONS)];
        """,
        preset,
    )
    assert values == options
    assert sorted(fields) == sorted(options)


def test_what_the_form_for_datasets_offers_is_accepted(run: Any) -> None:
    options = run('return (await load("dataset_options.js")).OPTIONS;')
    for name, option in options.items():
        for value in [*option.get("choices", {}), *(option[end] for end in ("minimum", "maximum") if end in option)]:
            assert dataset_options("piano", {name: value}).to_json()[name] == value


def test_only_options_that_differ_from_the_preset_are_sent(run: Any) -> None:
    changed = run(
        """
        const { OptionField, changes } = await load("form.js");
        const { OPTIONS, PRESETS } = await load("dataset_options.js");
        const field = (name) => new OptionField(name, OPTIONS[name], PRESETS.piano.values[name]);
        const fields = Object.fromEntries(Object.keys(OPTIONS).map((name) => [name, field(name)]));
        const none = changes(fields);
        for (const [name, value] of Object.entries(given)) fields[name].set(value);
        return [none, changes(fields)];
        """,
        {"metres": ["4/4", "3/4"], "hop": 48, "velocity": True, "partial": "drop", "held_out": 0.25, "least_notes": 0},
    )
    assert changed == [
        {},
        {"metres": ["4/4", "3/4"], "hop": 48, "velocity": True, "partial": "drop", "held_out": 0.25},
    ]


def test_a_builds_pace_is_told_and_nothing_moves_while_it_grows(run: Any) -> None:
    build = {"version": 2, "files": 4000, "files_reused": 0, "files_refused": 0, "windows": 0, "files_done": 0}
    later = {"files_reused": 1500, "files_refused": 12, "windows": 98_765, "files_done": 2500}
    looks = run(
        """
        const sheets = ["base", "parts", "views"].map((name) => {
          const link = document.createElement("link");
          Object.assign(link, { rel: "stylesheet", href: `/studio/${name}.css` });
          document.head.append(link);
          return new Promise((resolve) => link.addEventListener("load", resolve));
        });
        await Promise.all(sheets);
        const { BuildProgress } = await load("views/dataset_progress.js");
        const shown = new BuildProgress();
        document.body.append(shown.element);
        return given.map((dataset) => {
          shown.update(dataset);
          const places = [...shown.element.querySelectorAll("dt")].map((one) => one.getBoundingClientRect().x);
          const facts = [...shown.element.querySelectorAll(".facts > div")].map((one) =>
            [one.querySelector("dt").textContent, one.querySelector("dd").textContent]);
          return [shown.bar.words.textContent, facts, places];
        });
        """,
        [
            {**build, "progress": {"windows_per_second": None, "eta_seconds": None}},
            {**build, **later, "progress": {"windows_per_second": 1234.5, "eta_seconds": 125.0}},
            {**build, **later, "files_done": 4000, "progress": {"windows_per_second": 1234.5, "eta_seconds": 0.0}},
        ],
    )
    assert [look[0] for look in looks] == [
        "reading 4,000 files",
        "2,500 of 4,000 files",
        "all 4,000 files read, putting together",
    ]
    assert dict(looks[1][1]) == {
        "Files read": "2,500",
        "Refused": "12",
        "Taken over": "1,500",
        "Windows": "98,765",
        "Windows a second": "1,235",
        "Time left": "about 2 min",
    }
    assert looks[0][2] == looks[1][2] == looks[2][2]


def test_a_run_is_drawn_beside_the_others_that_are_chosen(run: Any, browser_page: Page) -> None:
    dot = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
    )
    one = {"family": "vae", "preset": "default", "dataset_id": "ds_1", "created_at": "2026-01-01T00:00:00Z"}
    asked: list[str] = []

    def compared(route: Route) -> None:
        asked.append(parse_qs(urlsplit(route.request.url).query)["runs"][0])
        kinds = ("comparison_music", "comparison_new")
        files = [(kind, media) for kind in kinds for media in ("image/png", "image/svg+xml")]
        plots = [{"name": f"{kind}.{media[6:9]}", "kind": kind, "media_type": media} for kind, media in files]
        route.fulfill(json={"runs": [], "plots": [plot | {"url": "/dot.png"} for plot in plots]})

    runs = [{**one, "id": f"run_{number}"} for number in range(1, 4)]
    browser_page.route("**/v1/runs?*", lambda route: route.fulfill(json={"items": runs, "next_cursor": None}))
    browser_page.route("**/v1/comparisons?*", compared)
    browser_page.route("**/dot.png", lambda route: route.fulfill(body=dot, content_type="image/png"))
    run(
        """
        const { ComparisonPart } = await load("views/run_comparison.js");
        const part = new ComparisonPart(given, new AbortController().signal);
        document.body.append(part.element);
        await part.load();
        """,
        runs[0],
    )
    boxes = browser_page.get_by_role("checkbox")
    expect(boxes).to_have_count(2)  # not the run itself
    boxes.nth(1).check()
    expect(browser_page.get_by_role("figure")).to_have_count(2)
    expect(browser_page.get_by_role("img", name="Shared with the data")).to_be_visible()
    expect(browser_page.get_by_role("button", name="Download as SVG: Comparison new")).to_be_visible()
    boxes.nth(0).check()
    boxes.nth(1).uncheck()
    expect(browser_page.get_by_role("figure")).to_have_count(2)
    boxes.nth(0).uncheck()
    expect(browser_page.get_by_role("figure")).to_have_count(0)
    assert asked == ["run_1,run_3", "run_1,run_3,run_2", "run_1,run_2"]
