"""Files, options and pace of a dataset, in a real browser."""

from typing import Any

import pytest

from pianola.dataset.options import dataset_options


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
