"""What the told experiments say of all the others: a process per metric, and one of crashes.

Every load level of a metric is an output of its process, on the log scale. Levels measured before
a crash or an early end teach as well as any. Draws from the processes are put together by the
verdict's own formulas, so that the model improves what the report will judge.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from core.search.axes import Axis
from core.search.gaussian_process import (
    Array,
    Fit,
    Kernel,
    Prior,
    Process,
    level_similarity,
    matern,
    standardise,
)
from core.search.points import Rows

CRASH_PRIOR = Prior(length=(-0.3, 0.7), signal=(0.0, 0.5), noise=(-3.0, 1.0), additive=(-1.0, 1.5))
_OPTIMISM = 0.4
"""Mean of the crash process far from any experiment, where 1 is served and −1 crashed."""


class Encoding:
    """Candidates as one-hot rows, so that a kernel over all of them is one matrix product."""

    def __init__(self, axes: Sequence[Axis], rows: Rows) -> None:
        self.axes = axes
        sizes = [len(axis.table) for axis in axes]
        ends = np.cumsum([0, *sizes])
        self.parameter = np.repeat(np.arange(len(axes)), sizes)
        """Which parameter each column belongs to."""
        self.one_hot = np.zeros((len(rows), ends[-1]))
        for number, size in enumerate(sizes):
            columns = ends[number] + rows[:, number] % size
            self.one_hot[np.arange(len(rows)), columns] = 1.0


class Told:
    """Configurations as coordinates: their distances to one another and to every value."""

    def __init__(self, axes: Sequence[Axis], values: Sequence[Sequence[object]]) -> None:
        """Take configurations in, each as its axes' values."""
        self._axes = axes
        self.coordinates = [
            np.array([axis.coordinates(row[number]) for row in values])  # type: ignore[arg-type]
            for number, axis in enumerate(axes)
        ]
        self.squared = np.array([_squared(places, places) for places in self.coordinates])
        """(parameters, told, told)"""
        self.to_values = np.vstack(
            [
                _squared(axis.table, places)
                for axis, places in zip(axes, self.coordinates, strict=True)
            ]
        )
        """(values of all axes, told)"""


def _squared(left: Array, right: Array) -> Array:
    difference = left[:, None, :] - right[None, :, :]
    squared: Array = (difference * difference).sum(axis=2)
    return squared


class Model:
    """One process with its standardisation."""

    def __init__(
        self, told: Told, targets: Array, prior: Prior, kernel: Kernel | None = None
    ) -> None:
        self.targets, self.shift, self.scale = standardise(targets)
        if kernel is None:
            tempering = level_similarity(self.targets)
            kernel = Fit(told.squared, self.targets, prior, tempering).best()
        self.kernel = kernel
        self._told = told
        self.process = Process(kernel, told.squared, self.targets)

    def predict(
        self, encoding: Encoding, rows: npt.NDArray[np.intp] | slice
    ) -> tuple[Array, Array]:
        """Return mean and variance of candidates, (candidates, outputs), in the targets' units."""
        mean, variance = self.process.predict(self._cross(encoding, rows))
        return self.shift + self.scale * mean, self.scale**2 * variance

    def _cross(self, encoding: Encoding, rows: npt.NDArray[np.intp] | slice) -> Array:
        weights = self.kernel.weights[encoding.parameter][:, None]
        scaled = weights * self._told.to_values
        one_hot = encoding.one_hot[rows]
        joint = matern(np.maximum(one_hot @ scaled, 0.0))
        alone = one_hot @ (matern(scaled) / len(encoding.axes))
        return self.process.mix(alone, joint)
