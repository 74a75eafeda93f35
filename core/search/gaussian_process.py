"""Gaussian processes over configurations, in NumPy and SciPy.

Several outputs (the load levels of one metric) share one kernel, so that one Cholesky factor
serves all of them. The kernel is Matérn-5/2 with one length for each parameter (automatic relevance
determination), as the sum of two parts: one that adds up a function of each parameter alone, and
one of all parameters together. The first carries what single changes teach over to their
combinations, the second whatever they do not explain. Hyper-parameters are those of the highest
posterior density.

Sources: Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006), ch. 2 and 5;
Duvenaud et al., "Additive Gaussian Processes" (2011) for the sum.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs
from scipy.optimize import Bounds, minimize

Array: TypeAlias = npt.NDArray[np.float64]
Floats: TypeAlias = npt.NDArray[np.floating[Any]]

JITTER = 1e-8
_ROOT5 = 5.0**0.5

_NEAR_ENOUGH = 1e-4
"""Change of the log density, as a share, from which on a step counts as none."""

_LEVELS_ALIKE = 0.9
"""Correlation of load levels that is assumed until three experiments measured all of them."""


@dataclass(frozen=True)
class Prior:
    """Normal priors on the logarithms of the hyper-parameters: mean and standard deviation."""

    length: tuple[float, float] = (0.9, 1.2)
    """Of a parameter's length, where 1 is from one end of its values to the other.

    Most parameters matter little; short lengths take all that was never tried for promising.
    """
    signal: tuple[float, float] = (0.0, 0.7)
    """Of the variance; the outputs are standardised."""
    noise: tuple[float, float] = (-4.0, 1.5)
    """Of the variance of the noise, likewise."""
    additive: tuple[float, float] = (0.0, 1.5)
    """Of the ratio of the additive part to the other (log-odds)."""

    def stacked(self, dimensions: int) -> tuple[Array, Array]:
        """Return means and deviations in the order of the optimiser's vector."""
        # The vector holds −2 · log(length), the logarithm of the squared distance's weight.
        length, spread = self.length
        parts = [(-2.0 * length, 2.0 * spread)] * dimensions
        parts += [self.signal, self.noise, self.additive]
        means, deviations = zip(*parts, strict=True)
        return np.array(means), np.array(deviations)


@dataclass(frozen=True)
class Kernel:
    """Hyper-parameters of a fitted process."""

    weights: Array
    """1 / length², by parameter."""
    signal: float
    noise: float
    additive: float
    """Share of the signal's variance that the additive part has."""

    @classmethod
    def of(cls, vector: Array) -> "Kernel":
        """Read the optimiser's vector."""
        signal, noise, odds = vector[-3:]
        share = 1.0 / (1.0 + np.exp(-odds))
        return cls(np.exp(vector[:-3]), float(np.exp(signal)), float(np.exp(noise)), float(share))


def matern(squared: Floats) -> Floats:
    """Return the Matérn-5/2 correlation at squared distances."""
    # In place: of many points, what takes time is the memory for what lies between.
    root: Floats = np.sqrt(squared)
    root *= _ROOT5
    correlation: Floats = root / 3.0
    correlation += 1.0
    correlation *= root
    correlation += 1.0
    np.negative(root, out=root)
    np.exp(root, out=root)
    correlation *= root
    return correlation


def matern_with_slope(squared: Array) -> tuple[Array, Array]:
    """Return the Matérn-5/2 correlation, and its slope by the squared distance."""
    root = _ROOT5 * np.sqrt(squared)
    decay = np.exp(-root)
    linear = (1.0 + root) * decay
    return linear + (root * root / 3.0) * decay, (-5.0 / 6.0) * linear


@dataclass(frozen=True)
class Group:
    """Outputs that were observed at the same points, with noise that differs by a factor alone."""

    points: npt.NDArray[np.intp]
    outputs: npt.NDArray[np.intp]
    noise: Array
    """Factor on the variance of the noise of every point, (points,)."""
    relative: Array
    """The same of every output, on top of it, (outputs,)."""

    @cached_property
    def square(self) -> tuple[Any, ...]:
        """The index of these points' part of a covariance matrix; a view where they adjoin."""
        first, last = int(self.points[0]), int(self.points[-1])
        if last - first + 1 == len(self.points):
            return (slice(first, last + 1),) * 2
        return np.ix_(self.points, self.points)

    def equally_noisy(self) -> list["Group"]:
        """Return the outputs grouped by how noisy they are."""
        return [
            Group(self.points, self.outputs[alike], factor * self.noise, np.ones(alike.sum()))
            for factor in np.unique(self.relative)
            for alike in [self.relative == factor]
        ]


def groups_of(targets: Array, noise: Array) -> list[Group]:
    """Return the outputs grouped by where and how noisily they were observed; NaN: not at all."""
    seen = ~np.isnan(targets)
    patterns: dict[bytes, tuple[npt.NDArray[np.intp], Array, list[int], list[float]]] = {}
    for output in np.flatnonzero(seen.any(axis=0)).tolist():
        points = np.flatnonzero(seen[:, output])
        relative = noise[points[0], output]
        own = noise[points, output] / relative
        pattern = seen[:, output].tobytes() + np.round(own, 9).tobytes()
        _, _, outputs, factors = patterns.setdefault(pattern, (points, own, [], []))
        outputs.append(output)
        factors.append(float(relative))
    return [
        Group(points, np.array(outputs, dtype=np.intp), own, np.array(factors))
        for points, own, outputs, factors in patterns.values()
    ]


class Fit:
    """The search for the hyper-parameters of highest posterior density."""

    def __init__(
        self,
        squared: Array,
        targets: Array,
        prior: Prior,
        tempering: float,
        noise: Array | None = None,
    ) -> None:
        """Prepare the fit.

        Args:
            squared: squared distances by parameter, (parameters, points, points).
            targets: standardised outputs, (points, outputs), NaN where not observed.
            prior: on the hyper-parameters.
            tempering: weight of the likelihood; below 1 where the outputs say the same thing.
            noise: factor on the variance of the noise, (points, outputs); None: 1.
        """
        # Every pair of points once: what lies on the diagonal does not depend on the lengths.
        self._pairs = np.triu_indices(squared.shape[1], 1)
        self._squared = np.ascontiguousarray(squared[:, *self._pairs])
        # A parameter of few values has few distances: its own function is computed of those.
        found = [np.unique(distances, return_inverse=True) for distances in self._squared]
        ends = np.cumsum([0, *(len(distances) for distances, _ in found)])
        self._distances = np.concatenate([distances for distances, _ in found])
        self._parameter = np.repeat(np.arange(len(found)), np.diff(ends))
        self._place = np.stack([end + at for end, (_, at) in zip(ends, found, strict=False)])
        self._targets = targets
        groups = groups_of(targets, np.ones_like(targets) if noise is None else noise)
        self._groups = [part for group in groups for part in group.equally_noisy()]
        self._mean, self._deviation = prior.stacked(len(squared))
        self._tempering = tempering

    def best(self, iterations: int = 30) -> Kernel:
        """Return the kernel."""
        return Kernel.of(self._best(iterations))

    def _best(self, iterations: int = 30) -> Array:
        """Return the optimiser's vector of the kernel."""
        reach = 4 * self._deviation
        found = minimize(
            self.loss,
            self._mean,
            jac=True,
            method="L-BFGS-B",
            bounds=Bounds(self._mean - reach, self._mean + reach),
            options={"maxiter": iterations, "ftol": _NEAR_ENOUGH},
        )
        vector: Array = found.x
        return vector

    def draws(self, count: int, seed: int) -> list[Kernel]:
        """Return kernels drawn from the posterior density, taken for a normal one around the best.

        The best alone is too sure of itself where experiments are few. Source: MacKay, "Information
        Theory, Inference, and Learning Algorithms" (2003), ch. 27, for Laplace's approximation.
        """
        best = self._best()
        step = 0.05 * self._deviation
        _, slope = self.loss(best)
        slopes = [self.loss(best + move)[1] - slope for move in np.diag(step)]
        # In units of the prior's deviations, in which nothing is less certain than the prior.
        curvature = np.array(slopes) / 0.05 * self._deviation
        values, vectors = np.linalg.eigh((curvature + curvature.T) / 2)
        root = vectors / np.sqrt(np.maximum(values, 1.0))
        off = np.random.default_rng(seed).standard_normal((count, len(step))) @ root.T
        reach = 4 * self._deviation
        drawn = np.clip(best + self._deviation * off, self._mean - reach, self._mean + reach)
        return [Kernel.of(vector) for vector in drawn]

    def loss(self, vector: Array) -> tuple[float, Array]:
        """Return minus the log posterior density, and its gradient."""
        kernel = Kernel.of(vector)
        scaled = kernel.weights[self._parameter] * self._distances
        each, steep_each = matern_with_slope(scaled)
        alone = each[self._place].mean(axis=0)
        joint, steep_joint = matern_with_slope(kernel.weights @ self._squared)
        share, signal = kernel.additive, kernel.signal
        correlation = share * alone + (1.0 - share) * joint
        loss, slope, own, noisy = self._likelihood(signal * correlation, kernel)
        count, kinds = len(self._squared), len(scaled)
        slopes = np.bincount(self._place.ravel(), np.tile(slope, count), kinds)
        by_length = (share / count) * np.bincount(
            self._parameter, steep_each * scaled * slopes, count
        )
        by_length += (1.0 - share) * kernel.weights * (self._squared @ (steep_joint * slope))
        gradient = np.empty_like(vector)
        gradient[:-3] = signal * by_length
        gradient[-3] = signal * (correlation @ slope + own)
        gradient[-2] = kernel.noise * noisy
        gradient[-1] = signal * share * (1.0 - share) * ((alone - joint) @ slope)
        off = (vector - self._mean) / self._deviation
        loss = self._tempering * loss + 0.5 * float(off @ off)
        return loss, self._tempering * gradient + off / self._deviation

    def _likelihood(self, pairs: Array, kernel: Kernel) -> tuple[float, Array, float, float]:
        """Return minus the log likelihood of a covariance, and its slope.

        Args:
            pairs: covariance of every pair of points.
            kernel: what the variances of the points and of their noise are.

        Returns:
            The loss, its slope by the covariance of every pair, by the signal's variance at the
            points, and by the noise's.
        """
        covariance = np.zeros((len(self._targets),) * 2)
        covariance[self._pairs] = pairs
        slope = np.zeros_like(covariance)
        loss = own = noisy = 0.0
        for group in self._groups:
            part = covariance[group.square]  # its diagonal is each group's own
            part.flat[:: len(part) + 1] = kernel.signal + kernel.noise * group.noise + JITTER
            targets = self._targets[group.points][:, group.outputs]
            factor, failed = dpotrf(part, clean=0)
            if failed:
                return 1e10, np.zeros_like(pairs), 0.0, 0.0
            weighted, _ = dpotrs(factor, targets)
            count = len(group.outputs)
            loss += 0.5 * float((targets * weighted).sum())
            loss += count * float(np.log(factor.diagonal()).sum())
            inverse, _ = dpotri(factor)
            steep = 0.5 * (count * inverse - weighted @ weighted.T)
            slope[group.square] += steep
            own += float(steep.trace())
            noisy += float(group.noise @ steep.diagonal())
        # Each pair stands for two entries of the symmetric matrix.
        return loss, 2.0 * slope[self._pairs], own, noisy


class Process:
    """A process conditioned on observations."""

    def __init__(
        self, kernel: Kernel, squared: Array, targets: Array, noise: Array | None = None
    ) -> None:
        """Condition `kernel` on `targets` at points with these squared distances to one another.

        Args:
            noise: factor on the variance of the noise, (points, outputs); None: 1.
        """
        factors = np.ones_like(targets) if noise is None else noise
        self.kernel = kernel
        covariance = self.covariance(squared)
        groups = groups_of(targets, factors)
        # Every group's covariance by its eigenvectors, side by side: outputs that differ in how
        # noisy they are alone share them, and a prediction is one product for all outputs.
        ends = np.cumsum([0, *(len(group.points) for group in groups)])
        self._vectors: Array = np.zeros((len(targets), ends[-1]))
        self._inverse: Array = np.zeros((ends[-1], targets.shape[1]))
        self._weighted: Array = np.zeros((ends[-1], targets.shape[1]))
        for group, start, end in zip(groups, ends, ends[1:], strict=False):
            root = 1.0 / np.sqrt(group.noise)
            values, vectors = np.linalg.eigh(root[:, None] * covariance[group.square] * root)
            vectors *= root[:, None]
            noisy = np.maximum(values, 0.0)[:, None] + kernel.noise * group.relative + JITTER
            observed = targets[np.ix_(group.points, group.outputs)]
            self._vectors[group.points, start:end] = vectors
            self._inverse[start:end, group.outputs] = 1.0 / noisy
            self._weighted[start:end, group.outputs] = (vectors.T @ observed) / noisy

    def covariance(self, squared: Floats) -> Floats:
        """Return the covariance at squared distances by parameter, (parameters, …)."""
        kernel = self.kernel
        scaled = kernel.weights.reshape(-1, *[1] * (squared.ndim - 1)) * squared
        alone = matern(scaled).mean(axis=0)
        joint = matern(scaled.sum(axis=0))
        return self.mix(alone, joint)

    def mix(self, alone: Floats, joint: Floats) -> Floats:
        """Return the covariance of the two parts' correlations."""
        share, signal = self.kernel.additive, self.kernel.signal
        covariance: Floats = signal * share * alone
        covariance += signal * (1.0 - share) * joint
        return covariance

    def predict(self, cross: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance, (points, outputs), from covariances (points, observed).

        As exact as `cross` is: in single precision where that is.
        """
        part = cross @ self._vectors.astype(cross.dtype)
        mean: Floats = part @ self._weighted.astype(cross.dtype)
        np.square(part, out=part)
        variance: Floats = self.kernel.signal - part @ self._inverse.astype(cross.dtype)
        np.maximum(variance, 1e-6 * self.kernel.signal, out=variance)
        return mean, variance

    def joint(self, cross: Floats, covariance: Floats) -> tuple[Floats, Floats]:
        """Return mean and covariance of points, of the first output alone.

        Args:
            cross: covariances with the observed points, (points, observed).
            covariance: prior covariances of the points, (points, points).
        """
        part = cross @ self._vectors
        mean: Floats = part @ self._weighted[:, 0]
        return mean, covariance - (part * self._inverse[:, 0]) @ part.T


def correlation_of(targets: Array) -> Array:
    """Return how outputs go together, (outputs, outputs), from points where all were observed."""
    count = targets.shape[1]
    whole = targets[~np.isnan(targets).any(axis=1)]
    if len(whole) < 3 or count == 1:
        return np.full((count, count), _LEVELS_ALIKE) + (1.0 - _LEVELS_ALIKE) * np.eye(count)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation: Array = np.asarray(np.nan_to_num(np.corrcoef(whole.T)))
    np.fill_diagonal(correlation, 1.0)
    return correlation


def level_similarity(targets: Array) -> float:
    """Return by how much outputs that say the same thing should count less: effective / all.

    The participation ratio of the eigenvalues of their correlation.
    """
    return float(targets.shape[1] / (correlation_of(targets) ** 2).sum())


def standardise(targets: Array, limit: float = 4.0) -> tuple[Array, Array, Array]:
    """Return the targets with mean 0 and variance 1, with the shift and scale of every output.

    Values further than `limit` robust deviations from the median are pulled in to there first.
    """
    median = np.nanmedian(targets, axis=0)
    spread = 1.4826 * np.nanmedian(np.abs(targets - median), axis=0)
    bound = np.where(spread > 0, limit * np.where(spread > 0, spread, 1.0), np.inf)
    clipped = np.clip(targets, median - bound, median + bound)
    shift = np.nanmean(clipped, axis=0)
    scale = np.nanstd(clipped, axis=0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    return (clipped - shift) / scale, shift, scale
