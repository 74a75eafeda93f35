"""Means, noise and quantiles of repeats, and that they weigh nothing until a quantile is needed."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from core.verdict.repeats import geometric_mean, pooled_noise, student


def test_noise_is_pooled_over_configurations_of_any_size() -> None:
    rng = np.random.default_rng(1)
    groups = [list(scale * np.exp(0.03 * rng.standard_normal(5))) for scale in (1, 50, 4000) * 40]
    assert pooled_noise(groups) == pytest.approx(0.03, rel=0.1)
    assert pooled_noise([[1.0], [2.0]]) is None
    assert geometric_mean([1.0, 4.0]) == pytest.approx(2.0)


def test_quantiles_are_those_of_students_t() -> None:
    assert student(7, 0.975) == pytest.approx(stats.t.ppf(0.975, 7))


def test_findings_are_read_without_numpy() -> None:
    read = "import sys, core.report; sys.exit(bool({'numpy', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", read], check=False).returncode == 0
