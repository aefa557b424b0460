"""Tables of an evaluation, in a real browser."""

from typing import Any

import pytest

NOTHING = "\N{EN DASH}"


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
