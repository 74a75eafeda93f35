"""The process against textbook formulas, written out the slow way."""

import numpy as np
import pytest

from core.search.gaussian_process import Fit, Kernel, Prior, Process, matern, standardise

RNG = np.random.default_rng(3)
POINTS = RNG.random((12, 3))
SQUARED = np.array([(POINTS[:, None, d] - POINTS[None, :, d]) ** 2 for d in range(3)])
KERNEL = Kernel(np.array([1.0, 4.0, 0.3]), 1.3, 0.05, 0.4)


def covariance(squared: np.ndarray) -> np.ndarray:
    scaled = KERNEL.weights[:, None, None] * squared
    return 1.3 * (0.4 * matern(scaled).mean(axis=0) + 0.6 * matern(scaled.sum(axis=0)))


def test_the_posterior_is_that_of_the_textbook() -> None:
    targets = RNG.standard_normal((12, 2))
    noise = np.where(np.arange(12) < 4, 10.0, 1.0)[:, None] * [1.0, 3.0]
    process = Process(KERNEL, SQUARED[:, :10, :10], targets[:10], noise[:10])
    mean, variance = process.predict(process.covariance(SQUARED[:, 10:, :10]))
    cross = covariance(SQUARED[:, 10:, :10])
    for output in range(2):
        noisy = covariance(SQUARED[:, :10, :10]) + 0.05 * np.diag(noise[:10, output])
        inverse = np.linalg.inv(noisy)
        assert mean[:, output] == pytest.approx(cross @ inverse @ targets[:10, output], abs=1e-6)
        expected = 1.3 - np.einsum("ij,jk,ik->i", cross, inverse, cross)
        assert variance[:, output] == pytest.approx(expected, abs=1e-6)


def test_outputs_with_holes_are_conditioned_on_what_they_have() -> None:
    targets = RNG.standard_normal((10, 2))
    targets[[2, 5], 1] = np.nan
    process = Process(KERNEL, SQUARED[:, :10, :10], targets)
    alone = [n for n in range(10) if n not in {2, 5}]
    part = Process(KERNEL, SQUARED[:, alone][:, :, alone], targets[alone, 1:])
    cross = process.covariance(SQUARED[:, 10:, :10])
    whole, _ = process.predict(cross)
    assert whole[:, 1] == pytest.approx(part.predict(cross[:, alone])[0][:, 0])


@pytest.mark.parametrize("holes", [False, True])
def test_the_gradient_is_the_slope_of_the_loss(holes: bool) -> None:
    targets = RNG.standard_normal((12, 2))
    if holes:
        targets[7:, 1] = np.nan
    noise = np.where(np.arange(12) < 3, 10.0, 1.0)[:, None] * [1.0, 3.0]
    fitting = Fit(SQUARED, targets, Prior(), 0.7, noise)
    at = RNG.normal(0.0, 0.5, size=6)
    _, gradient = fitting.loss(at)
    for number in range(6):
        step = np.zeros(6)
        step[number] = 1e-5
        slope = (fitting.loss(at + step)[0] - fitting.loss(at - step)[0]) / 2e-5
        assert gradient[number] == pytest.approx(slope, rel=1e-4, abs=1e-5)


def test_a_fit_finds_out_which_parameter_matters() -> None:
    targets = np.sin(4 * POINTS[:, 1:2]) + 0.01 * RNG.standard_normal((12, 1))
    kernel = Fit(SQUARED, standardise(targets)[0], Prior(), 1.0).best()
    assert kernel.weights.argmax() == 1


def test_outliers_are_pulled_in_and_constants_stay_finite() -> None:
    figures = np.array([[1.0, 5.0], [1.1, 5.0], [0.9, 5.0], [1.05, 5.0], [99.0, 5.0]])
    standard, shift, scale = standardise(figures)
    assert (shift + scale * standard)[4, 0] < 3.0
    assert np.isfinite(standard).all()


def test_kernels_are_drawn_as_the_prior_has_them_where_nothing_is_known() -> None:
    prior = Prior()
    fit = Fit(np.zeros((2, 1, 1)), np.full((1, 1), np.nan), prior, 1.0)
    drawn = fit.draws(2000, seed=1)
    noise = np.log([kernel.noise for kernel in drawn])
    assert noise.mean() == pytest.approx(prior.noise[0], abs=0.15)
    assert noise.std() == pytest.approx(prior.noise[1], rel=0.1)
    lengths = -0.5 * np.log([kernel.weights for kernel in drawn])
    assert lengths.mean(axis=0) == pytest.approx([prior.length[0]] * 2, abs=0.15)
    assert lengths.std(axis=0) == pytest.approx([prior.length[1]] * 2, rel=0.1)


def test_kernels_that_are_drawn_are_closer_together_the_more_is_known() -> None:
    spreads = []
    for count in (6, 60):
        points = np.linspace(0, 1, count)[:, None]
        noise = 0.1 * np.random.default_rng(3).standard_normal((count, 1))
        squared = (points - points.T)[None] ** 2
        drawn = Fit(squared, np.sin(6 * points) + noise, Prior(), 1.0).draws(200, seed=1)
        spreads.append(np.std(np.log([kernel.noise for kernel in drawn])))
    assert spreads[1] < spreads[0] / 2
