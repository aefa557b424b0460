import numpy as np
import pytest

from pianola.evaluation.plane import Plane

KNOWN = np.random.default_rng(1).normal(size=(300, 8)) * np.arange(8, 0, -1)


@pytest.mark.parametrize("dimensions", [1, 2, 8])
def test_the_point_of_a_known_position_means_that_position(dimensions: int) -> None:
    known = KNOWN[:, :dimensions].astype(np.float32)
    plane = Plane.of(known)
    points = plane.points(known)
    assert points.shape == (300, 2)
    np.testing.assert_allclose(plane.positions(points, known), known, atol=1e-5)
    # As JSON has them.
    np.testing.assert_allclose(plane.positions(points.round(6), known), known, atol=1e-3)


def test_any_point_means_a_position_that_lies_there_as_far_off_the_plane_as_its_neighbours() -> None:
    plane = Plane.of(KNOWN)
    points = np.random.default_rng(2).normal(size=(50, 2)) * [8, 7]
    meant = plane.positions(points, KNOWN)
    np.testing.assert_allclose(plane.points(meant), points, atol=1e-9)

    def off(positions: np.ndarray) -> np.ndarray:
        flat = plane.points(positions)
        return np.linalg.norm(positions - plane.middle - flat @ plane.axes.T, axis=1)

    assert np.median(off(meant)) == pytest.approx(np.median(off(KNOWN)), rel=0.15)
    assert plane.positions(np.array([[1e6, -1e6]]), KNOWN[:1]).shape == (1, 8)


def test_it_says_how_much_of_the_variance_it_shows() -> None:
    variances = KNOWN.var(0)
    found = Plane.of(KNOWN)
    assert found.shares[0] > found.shares[1]
    assert sum(found.shares) == pytest.approx(np.sort(variances)[-2:].sum() / variances.sum(), abs=0.03)
    assert Plane.of(KNOWN[:, :2]).names == ("latent axis 1", "latent axis 2")
    assert sum(Plane.of(KNOWN[:, :2]).shares) == pytest.approx(1)
    assert Plane.of(KNOWN[:1]).shares == (0.0, 0.0), "one window lies anywhere"
