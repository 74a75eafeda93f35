"""What the told experiments say of all the others: a process per metric, and one of crashes.

Every load level of a metric is an output of its process, on the log scale. Levels measured before
a crash or an early end teach as well as any. Draws from the processes are put together by the
verdict's own formulas, so that the model improves what the report will judge.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr

from core.search.axes import Array, Axis, Value
from core.search.gaussian_process import (
    Fit,
    Floats,
    Kernel,
    Prior,
    Process,
    correlation_of,
    level_similarity,
    matern,
    standardise,
)
from core.search.observations import Observations
from core.search.points import Rows

METRIC_PRIOR = Prior()
LABEL_PRIOR = Prior(length=(-0.3, 0.7), signal=(0.0, 0.5), noise=(-3.0, 1.0), additive=(-1.0, 1.5))
_EVERY_TIME = 20
_EVERY = 3
"""From so many experiments on, kernels are fitted anew after every third."""

_BLOCK = 1024
"""Candidates looked at in one piece: what is computed of them fits a processor's cache."""

_TABLE = 512
"""Most combinations of values in one table, likewise."""

_NOISIEST = 100.0
"""Most that one level's noise may count for another's, as a factor on its variance."""

_OPTIMISM = 0.4
"""Mean of a process of labels far from any experiment, where 1 is served and −1 crashed."""


class Encoding:
    """Candidates as places in a few tables, so that sums over parameters are looked up in pieces.

    A table holds every combination of the values of some parameters.
    """

    def __init__(self, axes: Sequence[Axis], rows: Rows) -> None:
        self.axes = axes
        self.rows = rows
        sizes = [len(axis.table) for axis in axes]
        self.parameter = np.repeat(np.arange(len(axes)), sizes)
        """Which parameter each value of all axes belongs to."""
        self._tables: list[list[slice]] = []
        self._places: list[npt.NDArray[np.intp]] = []
        ends = np.cumsum([0, *sizes]).tolist()
        combinations = _TABLE
        for number, size in enumerate(sizes):
            place = (rows[:, number] % size).astype(np.intp)
            combinations *= size
            if combinations > _TABLE:
                self._tables.append([])
                self._places.append(np.zeros_like(place))
                combinations = size
            self._tables[-1].append(slice(ends[number], ends[number + 1]))
            self._places[-1] = self._places[-1] * size + place

    def tables(self, by_value: Floats) -> list[Floats]:
        """Return the sums of every combination, from (values of all axes, …)."""
        found: list[Floats] = []
        for first, *others in self._tables:
            table = by_value[first]
            for values in others:
                table = (table[:, None] + by_value[values]).reshape(-1, *table.shape[1:])
            found.append(table)
        return found

    def sums(self, tables: Sequence[Floats], start: int, stop: int) -> Floats:
        """Return the sums over all parameters of some candidates, (candidates, …)."""
        first, *others = zip(tables, self._places, strict=True)
        total: Floats = first[0].take(first[1][start:stop], axis=0)
        for table, places in others:
            total += table.take(places[start:stop], axis=0)
        return total


class Told:
    """Configurations as coordinates: their distances to one another and to every value."""

    def __init__(self, axes: Sequence[Axis], places: Sequence[Sequence[Value]]) -> None:
        """Take configurations in, each as its values by axis."""
        self._axes = axes
        self._coordinates = [
            np.array([axis.coordinates(row[number]) for row in places])
            for number, axis in enumerate(axes)
        ]
        self.squared = np.array([_squared(given, given) for given in self._coordinates])
        """(parameters, told, told)"""
        self.to_values = np.vstack(
            [
                _squared(axis.table, given)
                for axis, given in zip(axes, self._coordinates, strict=True)
            ]
        )
        """(values of all axes, told)"""

    def __len__(self) -> int:
        return int(self.squared.shape[1])

    def first(self, count: int) -> Array:
        """Return the squared distances of the first so many, (parameters, count, count)."""
        return self.squared[:, :count, :count]


def _squared(left: Array, right: Array) -> Array:
    difference = left[:, None, :] - right[None, :, :]
    squared: Array = (difference * difference).sum(axis=2)
    return squared


@dataclass(frozen=True)
class Belief:
    """What is believed of one metric at some candidates: normal on the log scale."""

    mean: Floats
    """(candidates, levels)"""
    deviation: Floats
    """(candidates, levels)"""
    correlation: Array
    """Of the levels' errors, (levels, levels)."""

    def part(self, chosen: npt.NDArray[np.intp]) -> "Belief":
        """Return what is believed of some of the candidates."""
        return Belief(self.mean[chosen], self.deviation[chosen], self.correlation)


class Model:
    """One process with its standardisation, conditioned on what was told and what is pending."""

    def __init__(self, told: Told, targets: "Targets", kernel: Kernel) -> None:
        """Condition on the targets; what is told beyond them is pending.

        A pending point counts as measured at what the model expects of it (the kriging believer),
        so that the next ask looks elsewhere. Source: Ginsbourger et al., "Kriging is well-suited to
        parallelize optimization" (2010).
        """
        self.kernel = kernel
        self.told = told
        self._targets = targets
        count = len(targets.standard)
        process = Process(kernel, told.first(count), targets.standard, targets.noise)
        if len(told) > count:
            cross = process.covariance(told.squared[:, count:, :count])
            believed, _ = process.predict(cross)
            standard = np.vstack([targets.standard, believed])
            likewise = np.broadcast_to(targets.relative, believed.shape)
            noise = np.vstack([targets.noise, likewise])
            process = Process(kernel, told.squared, standard, noise)
        self.process = process

    def believe(self, encoding: Encoding) -> Belief:
        """Return what is believed of candidates, in the targets' units."""
        tables = [encoding.tables(part) for part in self._by_value(encoding)]
        count = max(len(encoding.rows), 1)
        parts = [
            self._belief(
                self._cross(*(encoding.sums(table, start, start + _BLOCK) for table in tables))
            )
            for start in range(0, count, _BLOCK)
        ]
        if len(parts) == 1:
            return parts[0]
        mean = np.concatenate([part.mean for part in parts])
        deviation = np.concatenate([part.deviation for part in parts])
        return Belief(mean, deviation, self._targets.correlation)

    def _belief(self, cross: Floats) -> Belief:
        mean, variance = self.process.predict(cross)
        shift, scale = (
            part.astype(mean.dtype) for part in (self._targets.shift, self._targets.scale)
        )
        return Belief(shift + scale * mean, scale * np.sqrt(variance), self._targets.correlation)

    def believe_told(self) -> Belief:
        """Return what is believed of what was told, and is pending: measurements without noise."""
        return self._belief(self.process.covariance(self.told.squared))

    def _by_value(self, encoding: Encoding) -> tuple[Floats, Floats]:
        """Return what every value adds to the squared distance from what was told, and to the
        additive part of the covariance with it; each (values of all axes, told)."""
        kernel = self.kernel
        weights = kernel.weights[encoding.parameter][:, None]
        scaled = (weights * self.told.to_values).astype(np.float32)
        each = kernel.signal * kernel.additive / len(encoding.axes)
        return scaled, np.float32(each) * matern(scaled)

    def _cross(self, squared: Floats, alone: Floats) -> Floats:
        covariance = matern(squared)
        covariance *= np.float32(self.kernel.signal * (1.0 - self.kernel.additive))
        covariance += alone
        return covariance


@dataclass(frozen=True)
class Targets:
    """What a process learns from: standardised outputs, (told, outputs), NaN where not observed."""

    standard: Array
    shift: Array
    scale: Array
    correlation: Array
    relative: Array
    """Factor on the variance of the noise of every output, standardised as they are, (outputs,)."""
    noise: Array
    """The same of every experiment, (told, outputs)."""

    @classmethod
    def of(cls, figures: Array, noise: Array) -> "Targets":
        """Standardise figures on the log scale.

        There, the noise is about the same at every load level, whatever the flags change: a level
        at which they change little is mostly noise once it is standardised.
        """
        standard, shift, scale = standardise(figures)
        moved = (standard > 0).any(axis=0)
        largest = scale[moved].max() if moved.any() else 1.0
        relative = np.where(moved, np.minimum((largest / scale) ** 2, _NOISIEST), 1.0)
        factors = noise[:, None] * relative
        return cls(standard, shift, scale, correlation_of(standard), relative, factors)

    @classmethod
    def labels(cls, labels: Array, noise: Array) -> "Targets":
        """Take labels of 1 and −1 as they are, seen from the optimism of the unknown."""
        one = np.ones(1)
        standard = labels[:, None] - _OPTIMISM
        return cls(standard, _OPTIMISM * one, one, np.ones((1, 1)), one, noise[:, None])


def fit(squared: Array, targets: Array, prior: Prior, noise: Array | None = None) -> Kernel:
    """Return the kernel that suits standardised targets best."""
    return Fit(squared, targets, prior, level_similarity(targets), noise).best()


class Surrogate:
    """Models of every metric and of what fails."""

    def __init__(
        self,
        observations: Observations,
        pending: Sequence[Sequence[Value]],
        kernels: "Kernels",
    ) -> None:
        told = Told(observations.axes, [*observations.places, *pending])
        self.observations = observations
        self.metrics: dict[str, Model] = {}
        for metric in observations.figures:
            targets_of = partial(steady_targets, metric=metric, told=told, kernels=kernels)
            kernel = kernels.of(metric, told, observations, targets_of, METRIC_PRIOR)
            self.metrics[metric] = Model(told, targets_of(observations), kernel)
        self._labels: list[Model] = []
        labels = [served_targets] if observations.by_level else [served_targets, held_targets]
        for label in labels:
            targets = label(observations)
            if (targets.standard < -_OPTIMISM).any():
                kernel = kernels.of(label.__name__, told, observations, label, LABEL_PRIOR)
                self._labels.append(Model(told, targets, kernel))

    def beliefs(self, encoding: Encoding) -> dict[str, Belief]:
        """Return what is believed of every metric at candidates."""
        return {metric: model.believe(encoding) for metric, model in self.metrics.items()}

    def survival(self, encoding: Encoding) -> Floats:
        """Return the log-probability that a candidate does not fail, (candidates,)."""
        total = np.zeros(len(encoding.rows), dtype=np.float32)
        for model in self._labels:
            belief = model.believe(encoding)
            spread = np.hypot(belief.deviation, np.sqrt(model.kernel.noise))
            total += log_ndtr(belief.mean / spread)[:, 0]
        return total


class Kernels:
    """Kernels fitted to the first so many experiments told, kept until there are enough more.

    Which experiments a kernel was fitted to follows from their count alone, so that a resumed
    search has the same kernels.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int], Kernel] = {}

    def of(
        self,
        name: str,
        told: Told,
        observations: Observations,
        targets_of: Callable[[Observations], Targets],
        prior: Prior,
    ) -> Kernel:
        """Return the kernel for targets of this name."""
        count = self._fitted(len(observations))
        if (name, count) not in self._kept:
            early = observations.first(count)
            if early.figures.keys() != observations.figures.keys():
                early = observations  # a metric was measured for the first time since
            targets = targets_of(early)
            among = told.first(len(early))
            self._kept[name, count] = fit(among, targets.standard, prior, targets.noise)
        return self._kept[name, count]

    @staticmethod
    def _fitted(count: int) -> int:
        """Return how many of `count` experiments a kernel is fitted to."""
        return count if count < _EVERY_TIME else count - count % _EVERY


def served_targets(observations: Observations) -> Targets:
    """Return the labels of what was served to the end, and what failed."""
    return Targets.labels(observations.served, observations.noise)


def held_targets(observations: Observations) -> Targets:
    """Return the labels of what held the SLOs, and what did not."""
    return Targets.labels(observations.held, observations.noise)


def steady_targets(
    observations: Observations, *, metric: str, told: Told, kernels: Kernels
) -> Targets:
    """Return a metric's targets; tails without what only a few slow requests did to them.

    A tail scatters more than the mean beside it, and what moves both moves their ratio little.
    What a process of the ratio takes for noise is left out.
    """
    figures, means = observations.figures[metric], observations.means(metric)
    if means is None:
        return Targets.of(figures, observations.noise)

    def beyond(some: Observations) -> Targets:
        beside = some.means(metric)
        tails = some.figures[metric]
        return Targets.of(tails if beside is None else tails - beside, some.noise)

    targets = beyond(observations)
    kernel = kernels.of(f"{metric} beyond the mean", told, observations, beyond, METRIC_PRIOR)
    among = told.first(len(figures))
    process = Process(kernel, among, targets.standard, targets.noise)
    expected, _ = process.predict(process.covariance(among))
    without = figures - np.nan_to_num(targets.scale * (targets.standard - expected))
    return Targets.of(without, observations.noise)
