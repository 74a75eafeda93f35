"""A run in the keys of the `results/<task>_results.json` files that people have scripts for."""

from collections.abc import Callable, Iterable
from statistics import fmean
from typing import Literal

from core.events import Distribution, Experiment, Outcome, SubRound
from core.report.conclusion import Conclusion, outcome_in_words
from core.report.old_score import old_score
from core.task import Configuration, Frozen, Task

_MEANS = {
    "mean_e2e_latency": "e2e_latency_mean",
    "p50_e2e_latency": "e2e_latency_p50",
    "p90_e2e_latency": "e2e_latency_p90",
    "p99_e2e_latency": "e2e_latency_p99",
    "mean_ttft": "ttft_mean",
    "mean_tpot": "tpot_mean",
    "mean_output_throughput": "output_throughput",
    "mean_total_throughput": "total_throughput",
    "mean_total_throughput_per_gpu": "total_throughput_per_gpu",
}
_LARGEST = {
    "max_output_throughput": "output_throughput",
    "max_total_throughput": "total_throughput",
}


_SPREADS = {
    "ttft": "ttft",
    "tpot": "tpot",
    "e2e_latency": "e2e_latency",
    "num_input_tokens": "prompt_tokens",
    "num_output_tokens": "output_tokens",
}


class OldLevel(Frozen):
    """One load level, in the keys of genai-bench that there are figures for."""

    scenario: str
    """Traffic of the level."""
    num_concurrency: int | None
    """Requests in flight; null where they arrive at a rate."""
    run_duration: float
    """Length of the measured window, in seconds."""
    requests_per_second: float
    """Completed requests per second."""
    mean_output_throughput_tokens_per_s: float
    """Generated tokens per second."""
    mean_input_throughput_tokens_per_s: float
    """Prompt tokens per second."""
    mean_total_tokens_throughput_tokens_per_s: float
    """Prompt and generated tokens per second."""
    num_requests: int
    """Requests sent."""
    num_completed_requests: int
    """Requests answered in full."""
    num_error_requests: int
    """Requests that failed."""
    error_rate: float
    """Failed requests as a share of those sent."""
    error_codes_frequency: dict[str, int]
    """Failed requests by kind."""
    stats: dict[str, dict[str, float]]
    """By quantity: `min`, `max`, `mean`, `stddev` and percentiles; seconds and tokens."""


class OldResult(Frozen):
    """One experiment."""

    experiment_id: int
    """Its number, from 0."""
    parameters: Configuration
    """Its flags."""
    status: Literal["success", "failed"]
    """`failed` for everything but an experiment that is measured and feasible."""
    metrics: dict[str, float | tuple[OldLevel, ...] | None]
    """Plain means, or the largest, over load levels, which `raw_results` has; times in seconds."""
    objective_score: float | None
    """By the formula of `core.report.old_score`; lower is better."""
    error_message: str | None
    """Why it failed; null where it did not."""


class OldResults(Frozen):
    """One run."""

    task_name: str
    """As the task has it."""
    strategy: str
    """`optimization.strategy` of the task."""
    total_experiments: int
    """How many were made."""
    successful_experiments: int
    """How many are measured and feasible."""
    elapsed_time: float
    """Seconds that the experiments took, added up."""
    best_result: OldResult | None
    """The best of those; null without any."""
    all_results: tuple[OldResult, ...]
    """Every experiment, by number."""


def old_results(conclusion: Conclusion) -> OldResults:
    """Return the run in those keys."""
    task, winner = conclusion.task.task, conclusion.winner
    results = tuple(_result(experiment, task) for experiment in conclusion.experiments)
    return OldResults(
        task_name=task.task_name,
        strategy=task.optimization.strategy,
        total_experiments=len(results),
        successful_experiments=sum(result.status == "success" for result in results),
        elapsed_time=conclusion.elapsed,
        best_result=_result(winner, task) if winner else None,
        all_results=results,
    )


def _result(experiment: Experiment, task: Task) -> OldResult:
    succeeded = experiment.outcome is Outcome.OK
    sub_rounds = experiment.sub_rounds
    return OldResult(
        experiment_id=experiment.number,
        parameters=experiment.configuration,
        status="success" if succeeded else "failed",
        metrics={
            **{name: _over(sub_rounds, metric, fmean) for name, metric in _MEANS.items()},
            **{name: _over(sub_rounds, metric, max) for name, metric in _LARGEST.items()},
            "success_rate": _success_rate(sub_rounds),
            "raw_results": tuple(_level(sub_round) for sub_round in sub_rounds),
        },
        objective_score=old_score(sub_rounds, task.slo, task.optimization.objective),
        error_message=None if succeeded else _error(experiment),
    )


def _level(measured: SubRound) -> OldLevel:
    sent, completed = measured.requests.sent, measured.requests.completed
    spreads = {old: getattr(measured, name) for old, name in _SPREADS.items()}
    return OldLevel(
        scenario=str(measured.level.scenario),
        num_concurrency=measured.level.concurrency,
        run_duration=measured.duration,
        requests_per_second=measured.request_throughput,
        mean_output_throughput_tokens_per_s=measured.output_throughput,
        mean_input_throughput_tokens_per_s=measured.input_throughput,
        mean_total_tokens_throughput_tokens_per_s=measured.total_throughput,
        num_requests=sent,
        num_completed_requests=completed,
        num_error_requests=sum(measured.requests.failed.values()),
        error_rate=measured.requests.error_rate,
        error_codes_frequency=measured.requests.failed,
        stats={old: _spread(spread) for old, spread in spreads.items() if spread is not None},
    )


def _spread(spread: Distribution) -> dict[str, float]:
    percentiles = {str(name): value for name, value in spread.percentiles.items()}
    ends = {"min": spread.min, "max": spread.max, "mean": spread.mean, "stddev": spread.std}
    return {**ends, **percentiles}


def _over(
    sub_rounds: Iterable[SubRound], metric: str, join: Callable[[list[float]], float]
) -> float | None:
    known = [value for s in sub_rounds if (value := s.metric(metric)) is not None]
    return join(known) if known else None


def _success_rate(sub_rounds: Iterable[SubRound]) -> float | None:
    counts = [s.requests for s in sub_rounds]
    sent = sum(count.sent for count in counts)
    return sum(count.completed for count in counts) / sent if sent else None


def _error(experiment: Experiment) -> str:
    if experiment.failure is not None:
        return f"{experiment.failure.kind}: {experiment.failure.message}"
    reasons = experiment.verdict.reasons if experiment.verdict else ()
    return "; ".join(reasons) or outcome_in_words(experiment)
