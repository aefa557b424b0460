import io
import subprocess
import sys
from collections.abc import Callable
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from pianola.evaluation import plots, report_plots
from pianola.evaluation.canvas import Media, NothingToPlot
from pianola.evaluation.plane import Plane

VAE_POINTS = [
    (
        step,
        {
            f"{side}_{name}": float(step + 1)
            for side in ("train", "validation")
            for name in ("loss", "reconstruction", "kl")
        },
    )
    for step in range(0, 50, 10)
]
GAN_POINTS = [
    (step, {"generator_loss": 1.0, "discriminator_loss": 0.5, "accuracy_real": 0.5, "accuracy_fake": step / 50})
    for step in range(0, 50, 10)
]
BARS = np.bincount([60, 60, 64, 67], minlength=128) / 4
POSITIONS = np.random.default_rng(5).normal(size=(60, 7))

SHARES = {"generated": [0.5, 0.5], "data": [0.25, 0.75], "shared": 0.75, "data_shared": 0.9}
REPORT: report_plots.Report = {
    "note_frequency": {"generated": BARS.tolist(), "data": BARS[::-1].tolist()},
    "music": {
        "figures": {"notes": {"overlap": 0.5, "data_overlap": 0.9}},
        "lengths": SHARES,
        "onset_positions": SHARES,
    },
    "fidelity": {"generated": {"coverage": 0.5}, "data": {"coverage": 0.97}},
    "two_sample": {"generated": {"convolution": 0.75, "features": 0.9}, "data": None},
    "copying": {"generated": 0.5, "held_out": 0.75},
    "likelihood": {"bound": 200.0, "pitch": 600.0, "constant": 700.0},
}
OLD: report_plots.Report = {"note_frequency": REPORT["note_frequency"], "likelihood": None}

Plot = Callable[[Media], bytes]
PLOTS: dict[str, Plot] = {
    "note frequency": lambda media: plots.note_frequency_plot(BARS, BARS[::-1], media),
    "vae losses": lambda media: plots.loss_curves(VAE_POINTS, {"best constant": 20.0}, media),
    "gan losses": lambda media: plots.loss_curves(GAN_POINTS, media=media),
    "accuracies": lambda media: plots.accuracy_curves(GAN_POINTS, media),
    "frequencies beside one another": lambda media: report_plots.frequency_plot([("a", REPORT), ("b", OLD)], media),
    "music": lambda media: report_plots.music_plot([("a", REPORT), ("old", OLD)], media),
    "honesty": lambda media: report_plots.honesty_plot([("a", REPORT)], media),
    "latent": lambda media: plots.latent_scatter(POSITIONS, np.arange(60) // 3, media),
}


@pytest.mark.parametrize("name", PLOTS)
def test_png_and_svg_are_whole_and_the_same_every_time(name: str) -> None:
    png, svg = PLOTS[name]("png"), PLOTS[name]("svg")
    with Image.open(io.BytesIO(png)) as picture:
        assert picture.format == "PNG"
        assert len(picture.convert("RGB").getcolors(1 << 24) or []) > 10
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert PLOTS[name]("png") == png
    assert PLOTS[name]("svg") == svg


def colours(png: bytes) -> set[tuple[int, ...]]:
    with Image.open(io.BytesIO(png)) as picture:
        return {colour for _, colour in picture.convert("RGB").getcolors(1 << 24) or [] if isinstance(colour, tuple)}


GENERATED, DATA = (0xE8, 0x74, 0x3B), (0x33, 0x51, 0x8F)


def test_bars_show_both_sides() -> None:
    assert {GENERATED, DATA} <= colours(plots.note_frequency_plot(BARS, BARS))
    plots.note_frequency_plot(np.zeros(128), np.zeros(128))  # silence on both sides is a picture, too


def width(png: bytes) -> int:
    with Image.open(io.BytesIO(png)) as picture:
        return picture.width


def test_losses_have_a_panel_for_each_thing_measured() -> None:
    only_loss = [(step, {"train_loss": values["train_loss"]}) for step, values in VAE_POINTS]
    assert width(plots.loss_curves(VAE_POINTS)) > 2 * width(plots.loss_curves(only_loss))
    assert GENERATED not in colours(plots.loss_curves(only_loss))  # no validation line where nothing was validated


def test_points_may_lack_some_values() -> None:
    mixed = [(0, {"train_loss": 1.0}), (5, {}), (10, {"train_loss": 0.5, "validation_loss": 0.75})]
    assert {GENERATED, DATA} <= colours(plots.loss_curves(mixed))


def test_a_report_has_a_colour_for_each_column_and_a_legend_for_what_is_not_said() -> None:
    first, second = (0xE8, 0x74, 0x3B), (0x2A, 0x9D, 0x8F)
    for plot in report_plots.PLOTS.values():
        assert {first, second} <= colours(plot([("one", REPORT), ("two", REPORT)]))
        assert second not in colours(plot([("one", REPORT)]))
    quieter = {**REPORT, "likelihood": None}
    assert report_plots.honesty_plot([("one", quieter)]) != report_plots.honesty_plot([("one", REPORT)])


def test_baselines_change_the_picture() -> None:
    assert plots.loss_curves(VAE_POINTS, {"best constant": 20.0}) != plots.loss_curves(VAE_POINTS)


def test_two_dimensions_are_drawn_as_they_are_and_more_are_projected() -> None:
    flat = POSITIONS[:, :2] * [3.0, 1.0]
    assert b"principal component" not in plots.latent_scatter(flat, media="svg")
    assert b"principal component" in plots.latent_scatter(POSITIONS, media="svg")
    # The same points turned into seven dimensions: the projection finds their plane again, whatever the turn.
    turn = np.linalg.qr(np.random.default_rng(6).normal(size=(7, 7)))[0][:2]
    plane = Plane.of(flat @ turn)
    projected = plane.points(flat @ turn)
    centred = flat - flat.mean(axis=0)
    np.testing.assert_allclose(projected @ projected.T, centred @ centred.T, atol=1e-9)
    assert "principal component 1" in plane.names[0]
    assert sum(plane.shares) == pytest.approx(1)
    variances = projected.var(axis=0)
    assert variances[0] > variances[1]


def test_one_dimension_one_point_and_equal_points_are_drawn() -> None:
    one_dimension = plots.latent_scatter(np.arange(5.0)[:, np.newaxis])
    one_point = plots.latent_scatter(np.zeros((1, 7)), np.array([3]))
    equal_points = plots.latent_scatter(np.ones((4, 7)))
    assert all(drawn.startswith(b"\x89PNG") for drawn in (one_dimension, one_point, equal_points))
    assert len({one_dimension, one_point, equal_points}) == 3


def test_many_windows_stay_small_as_svg() -> None:
    many = np.random.default_rng(7).normal(size=(16_000, 2))
    assert len(plots.latent_scatter(many, np.arange(16_000) // 40, media="svg")) < 1_000_000


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: plots.loss_curves([]), "no point has a loss"),
        (lambda: plots.loss_curves([(0, {"density": 0.1})]), "no point has a loss"),
        (lambda: plots.accuracy_curves(VAE_POINTS), "accuracy_real"),
        (lambda: plots.note_frequency_plot(np.zeros(96), np.zeros(128)), "shape"),
        (lambda: report_plots.music_plot([("old", OLD)]), "music"),
        (lambda: report_plots.honesty_plot([("old", OLD)]), "likelihood"),
        (lambda: report_plots.frequency_plot([("empty", {})]), "no report has note frequencies"),
        (lambda: report_plots.frequency_plot([]), "found 0"),
        (lambda: report_plots.music_plot([("a", REPORT)] * 7), "found 7"),
        (lambda: plots.latent_scatter(np.zeros((0, 2))), r"shape \[0, 2\]"),
        (lambda: plots.latent_scatter(np.full((3, 2), np.nan)), "finite"),
        (lambda: plots.latent_scatter(np.zeros((3, 2)), np.zeros(4)), "4"),
    ],
)
def test_what_cannot_be_plotted_is_refused(make: Callable[[], bytes], problem: str) -> None:
    with pytest.raises(NothingToPlot, match=problem):
        make()


def test_plotting_leaves_matplotlib_as_it_was() -> None:
    before = dict(mpl.rcParams)
    PLOTS["accuracies"]("png")
    assert dict(mpl.rcParams) == before


def test_counting_and_drawing_import_no_plotting_library_no_pyplot_and_no_torch() -> None:
    code = (
        "import sys, pianola.evaluation.metrics, pianola.evaluation.pictures\n"
        "assert 'matplotlib' not in sys.modules\n"
        "import pianola.evaluation.plots\n"
        "assert 'matplotlib.pyplot' not in sys.modules and 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
