"""What is seen and heard of music, in a real browser."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from .serving import Modules


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


DENSER = {"name": "density", "more": "denser: more notes", "unit": "notes a window", "step": 20.5}
HIGHER = {"name": "pitch", "more": "higher", "unit": "semitones, mean of the notes", "step": 7.25}


def test_attributes_are_read_from_the_address_asked_for_and_put_back(run: Any, browser_page: Page) -> None:
    browser_page.route("**/v1/models/a%2Fb/vectors", lambda route: route.fulfill(json={"vectors": [DENSER, HIGHER]}))
    told = run(
        """
        const { Attributes, moved } = await load("views/model_attributes.js");
        const told = [];
        const query = new URLSearchParams("attributes=pitch:-0.5");
        const changed = () => told.push([attributes.asked(), attributes.text]);
        const attributes = new Attributes("a/b", query, changed, new AbortController().signal);
        changed();
        document.body.append(attributes.element);
        window.told = told;
        return [attributes.element.open, moved({ density: 1, pitch: -0.5 }).join(""), moved(null).join("")];
        """
    )
    assert told == [True, ", density +1, pitch \N{MINUS SIGN}0.5", ""]
    density, pitch = (browser_page.get_by_role("slider", name=name) for name in ("Denser: more notes", "Higher"))
    expect(density).to_have_accessible_description("A step is 20.5 notes a window")
    expect(pitch).to_have_value("-0.5")
    density.fill("1.25")
    browser_page.get_by_role("button", name="Back to the middle").click()
    for slider in (density, pitch):
        expect(slider).to_have_value("0")
    both = [{"pitch": -0.5, "density": 1.25}, "pitch:-0.5,density:1.25"]
    assert browser_page.evaluate("told") == [[{"pitch": -0.5}, "pitch:-0.5"], both, [None, None]]


def test_a_model_without_directions_says_so_when_it_is_asked(refused_page: Page, modules: Modules) -> None:
    refused_page.goto(modules.url)
    detail = "this default gan has no attribute directions"
    refusal = {"title": "None", "detail": detail, "status": 409, "code": "no-vectors"}
    refused_page.route(
        "**/vectors", lambda route: route.fulfill(status=409, json=refusal, content_type="application/problem+json")
    )
    refused_page.evaluate(
        """async () => {
            const { Attributes } = await import("/studio/views/model_attributes.js");
            const { signal } = new AbortController();
            document.body.append(new Attributes("m", new URLSearchParams(), () => {}, signal).element);
        }"""
    )
    expect(refused_page.get_by_role("alert")).to_have_count(0)
    refused_page.get_by_text("Denser, higher, longer").click()
    expect(refused_page.get_by_role("alert")).to_contain_text(detail)
    expect(refused_page.get_by_role("button", name="Try again")).to_have_count(0)


@pytest.mark.parametrize(("family", "sliders"), [("vae", 1), ("gan", 0)])
def test_only_what_can_be_moved_has_sliders_and_what_was_given_stands_beside_what_was_made(
    run: Any, browser_page: Page, family: str, sliders: int
) -> None:
    model = {"name": "m", "family": family, "preset": "default", "step": 1, "checkpoint": "0" * 64, "run_id": "run_1"}
    options = dict.fromkeys(["label", "drift", "strength", "temperature", "attributes"]) | {
        "tempo": 90,
        "threshold": 0.5,
    }
    note = {"pitch": 60, "start": 0, "length": 12}
    given = {"name": "mine.mid", "sample": None, "window": 0, "windows": 2, "notes": [note, {**note, "start": 96}]}
    windows = [{"index": index, "notes": [], "empty": True} for index in range(2)]
    made = {"id": "sample_1", "n": 2, "seed": None, "options": options, "source": given, "windows": windows}
    browser_page.route("**/v1/models/m", lambda route: route.fulfill(json={**model, "condition": None}))
    browser_page.route("**/v1/samples/sample_1", lambda route: route.fulfill(json=made))
    run(
        """
        const { modelView } = await load("views/model.js");
        const [query, { signal }] = [new URLSearchParams("like=sample_1"), new AbortController()];
        await modelView({ root: document.body, params: ["m"], query, signal });
        """
    )
    original, reconstruction = (
        browser_page.get_by_role("article", name=name) for name in ("Original", "Reconstruction")
    )
    expect(original).to_contain_text("2 notes, C4 to C4")
    expect(reconstruction).to_contain_text("silent")
    expect(original.get_by_role("button")).to_have_text("Play")
    expect(reconstruction.get_by_role("button")).to_have_count(5)
    expect(browser_page.locator("#sample-about")).to_contain_text("What the model makes of mine.mid")
    expect(browser_page.get_by_text("Denser, higher, longer")).to_have_count(sliders)
