"""Curves and bars, in a real browser."""

import base64
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect


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
