"""A problem as the search meets it: noisy experiments, each of which costs GPU time.

The noise is what public records of real servers show: 1.5 % from launch to launch, 3 % from level
to level, and more for the tails; all on the log scale.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from core.events import (
    Distribution,
    Experiment,
    Failure,
    FailureKind,
    Origin,
    Outcome,
    RequestCounts,
    ServerAccount,
    SubRound,
)
from core.search import Space
from core.task import DEFAULTS, Configuration, Level, Slo, Statistic
from core.verdict import judge
from core.verdict.arrays import Judgements, judge_arrays
from tests.bench.search.problems import Problem
from tests.bench.search.tables import (
    FIGURES,
    LATENCIES,
    STATISTICS,
    Table,
    account_of,
    space_of,
    table_of,
)

LAUNCH_NOISE = 0.015
LEVEL_NOISE = 0.03
TAIL_NOISE: dict[Statistic, float] = {"mean": 0.0, "p50": 0.0, "p90": 0.025, "p99": 0.05}


@dataclass(frozen=True)
class Cost:
    """What an experiment took."""

    seconds: float
    gpus: int

    @property
    def gpu_seconds(self) -> float:
        """Seconds times GPUs."""
        return self.seconds * self.gpus


@dataclass(frozen=True)
class Arena:
    """A problem with its table, its SLOs as numbers, and the truth about every configuration."""

    problem: Problem
    table: Table
    noise: float = 1.0
    """Factor on all the noise."""

    @classmethod
    def of(cls, problem: Problem, noise: float = 1.0) -> "Arena":
        """Build or load the table of a problem."""
        return cls(problem, table_of(problem), noise)

    @cached_property
    def space(self) -> Space:
        """The problem's space; command lines are spelled anew for every session."""
        return space_of(self.problem)

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """The load levels."""
        return tuple(workload.level for workload in self.problem.workloads)

    @cached_property
    def slo(self) -> Slo:
        """The SLOs, thresholds rounded to three digits as a person writes them."""
        worst = {metric: self._worst(metric) for metric in self.problem.slos}
        if not worst:
            return Slo()
        strict, loose = 0.0, 1.0
        while loose - strict > 0.5 / len(self.table.configurations):
            share = (strict + loose) / 2
            bounds = {metric: self._bound(figures, share) for metric, figures in worst.items()}
            held = [figures <= bounds[metric] for metric, figures in worst.items()]
            enough = np.logical_and.reduce(held).mean() >= self.problem.feasible
            strict, loose = (strict, share) if enough else (share, loose)
        return hard({metric: self._bound(figures, loose) for metric, figures in worst.items()})

    def _worst(self, metric: str) -> npt.NDArray[np.float64]:
        """Return a metric at the level that is worst; infinite where the server died."""
        whole = self.table.measured == len(self.levels)
        figures = self.table.metric(metric).max(axis=1)
        return np.where(whole, figures, np.inf)

    @staticmethod
    def _bound(figures: npt.NDArray[np.float64], share: float) -> float:
        finite = figures[np.isfinite(figures)]
        # Rounded up to three digits, as a person writes it.
        exact = float(np.quantile(finite, share))
        unit = 10.0 ** (np.floor(np.log10(exact)) - 2)
        return float(f"{np.ceil(exact / unit) * unit:.6g}")

    @cached_property
    def truth(self) -> Judgements:
        """The noise-free verdict on every row of the table."""
        figures = {name: self.table.metric(name) for name in FIGURES}
        judged = judge_arrays(figures, self.slo, self.problem.objective, self.problem.also)
        whole = self.table.measured == len(self.levels)
        return replace(judged, feasible=judged.feasible & whole)

    @cached_property
    def regret(self) -> npt.NDArray[np.float64]:
        """How much worse than the best feasible each row is, as a share; infinite: infeasible."""
        score = np.where(self.truth.feasible, self.truth.score, np.inf)
        best = score.min()
        share: npt.NDArray[np.float64] = (score - best) / abs(best)
        return share

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {self.space.key(c): row for row, c in enumerate(self.table.configurations)}

    def row(self, configuration: Configuration) -> int:
        """Return the row of the table that a configuration is."""
        return self._row_of[self.space.key(configuration)]

    def run(
        self,
        number: int,
        configuration: Configuration,
        rng: np.random.Generator,
        *,
        origin: Origin = "search",
        stop: Callable[[tuple[SubRound, ...]], str | None] = lambda _: None,
    ) -> tuple[Experiment, Cost]:
        """Play one experiment; `stop` may end it after any level, as early termination does."""
        row = self.row(configuration)
        launch = rng.normal(0.0, LAUNCH_NOISE * self.noise)
        seconds = float(self.table.start[row])
        measured: tuple[SubRound, ...] = ()
        reason = None
        for index in range(self.table.measured[row]):
            sub_round = self._sub_round(row, index, launch, rng)
            measured = (*measured, sub_round)
            # Warm-up before the window: half as many requests as in flight, so a fifth more.
            seconds += 1.2 * sub_round.duration
            if index + 1 < len(self.levels) and (reason := stop(measured)) is not None:
                break
        died = reason is None and len(measured) < len(self.levels)
        experiment = self._experiment(number, configuration, origin, measured, died, reason)
        return experiment, Cost(seconds, int(self.table.gpus[row]))

    def baseline(self, rng: np.random.Generator) -> tuple[Experiment, Cost]:
        """Play experiment 0: the defaults. As in a run, the server says what they come to."""
        experiment, cost = self.run(0, DEFAULTS, rng, origin="baseline")
        return experiment.model_copy(update={"in_force": self.account}), cost

    @cached_property
    def account(self) -> ServerAccount:
        """The server's own account of the defaults."""
        return account_of(self.problem)

    def _experiment(
        self,
        number: int,
        configuration: Configuration,
        origin: Origin,
        measured: tuple[SubRound, ...],
        died: bool,
        reason: str | None,
    ) -> Experiment:
        verdict = None
        if measured:
            objective = self.problem.objective
            verdict = judge(
                measured,
                self.slo,
                objective,
                levels=len(self.levels),
                also=self.problem.also,
            )
        outcome = Outcome.OK if verdict is not None and verdict.feasible else Outcome.INFEASIBLE
        failure = None
        if died:
            outcome = Outcome.FAILED
            failure = Failure(kind=FailureKind.OUT_OF_MEMORY, message="out of memory")
        elif reason is not None:
            outcome = Outcome.PRUNED
        return Experiment(
            number=number,
            configuration=configuration,
            origin=origin,
            began_at=0.0,
            phase_began_at=0.0,
            sub_rounds=measured,
            outcome=outcome,
            failure=failure,
            verdict=verdict,
        )

    def _sub_round(self, row: int, index: int, launch: float, rng: np.random.Generator) -> SubRound:
        true = dict(zip(FIGURES, self.table.figures[row, index].tolist(), strict=True))
        slower = launch + rng.normal(0.0, LEVEL_NOISE * self.noise)
        latencies = {}
        for latency in LATENCIES:
            figures = {
                statistic: true[f"{latency}_{statistic}"]
                * float(np.exp(slower + rng.normal(0.0, TAIL_NOISE[statistic] * self.noise)))
                for statistic in STATISTICS
            }
            latencies[latency] = _distribution(figures)
        gpus = int(self.table.gpus[row])
        throughput = true["total_throughput_per_gpu"] * gpus * float(np.exp(-slower))
        return SubRound.model_construct(
            index=index,
            level=self.levels[index],
            started_at=0.0,
            duration=true["duration"],
            requests=_COUNTS,
            **latencies,
            itl=latencies["tpot"],
            prompt_tokens=None,
            output_tokens=None,
            request_throughput=throughput / 200,
            input_throughput=throughput / 2,
            output_throughput=throughput / 2,
            gpus=gpus,
        )


def hard(bounds: dict[str, float]) -> Slo:
    """Return hard SLOs of these metrics, without tolerance."""
    sections: dict[str, dict[str, object]] = {}
    for metric, threshold in bounds.items():
        family, _, statistic = metric.rpartition("_")
        section = "latency" if family == "e2e_latency" else family
        target = {"threshold": threshold, "hard_fail": True, "fail_ratio": 0.0}
        sections.setdefault(section, {})[statistic] = target
    return Slo.model_validate(sections)


_COUNTS = RequestCounts(sent=100, completed=100)


def _distribution(figures: dict[Statistic, float]) -> Distribution:
    mean = figures["mean"]
    percentiles = {name: figure for name, figure in figures.items() if name != "mean"}
    return Distribution.model_construct(
        count=100, mean=mean, std=0.0, min=mean, max=mean, percentiles=percentiles
    )
