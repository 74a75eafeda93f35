"""Events and results for tests that need some and do not care how they came about."""

from collections.abc import Mapping, Sequence

from core.events import (
    Distribution,
    Experiment,
    Failure,
    Outcome,
    ProcessIdentity,
    RequestCounts,
    ServerLaunched,
    SubRound,
    Verdict,
)
from core.task import DEFAULTS, STATISTICS, Configuration, Level, Scenario

SERVER = ProcessIdentity(pid=4_000_003, start_ticks=3, boot_id="boot")
"""No process of this machine, being of another boot."""


def launched(
    number: int,
    at: float,
    argv: Sequence[str] = ("server", "--port", "1"),
    *,
    url: str = "http://127.0.0.1:1",
    log: str = "/logs/x.log",
    gpus: tuple[str, ...] = (),
) -> ServerLaunched:
    """The launch of an experiment's server."""
    return ServerLaunched(
        at=at,
        experiment=number,
        argv=tuple(argv),
        server=SERVER,
        guardian=SERVER,
        url=url,
        log=log,
        gpus=gpus,
    )


def outcome_of(judged: Verdict | None, failure: Failure | None = None) -> Outcome:
    """The outcome of an experiment that went to its end."""
    if failure is not None:
        return Outcome.FAILED
    return Outcome.OK if judged is not None and judged.feasible else Outcome.INFEASIBLE


def distribution(value: float, **percentiles: float) -> Distribution:
    """A distribution whose every statistic is `value` but for the percentiles named."""
    named = {name.replace("p999", "p99.9"): figure for name, figure in percentiles.items()}
    return Distribution(
        count=100,
        mean=value,
        std=0.0,
        min=value,
        max=value,
        percentiles={s: named.get(s, value) for s in STATISTICS if s != "mean"},
    )


def sub_round(
    index: int = 0,
    *,
    e2e: float | Distribution | None = 1.0,
    ttft: float | None = 0.1,
    tpot: float | None = 0.01,
    throughput: float = 1000.0,
    concurrency: int = 4,
    gpus: int = 1,
    failed: Mapping[str, int] | None = None,
) -> SubRound:
    """A sub-round of 100 requests; half of the throughput is prompt tokens."""
    failures = dict(failed or {})
    return SubRound(
        index=index,
        level=Level(scenario=Scenario.model_validate("D(100,100)"), concurrency=concurrency),
        started_at=1_700_000_000.0 + 60 * index,
        duration=30.0,
        requests=RequestCounts(sent=100, completed=100 - sum(failures.values()), failed=failures),
        ttft=None if ttft is None else distribution(ttft),
        tpot=None if tpot is None else distribution(tpot),
        itl=None if tpot is None else distribution(tpot),
        e2e_latency=distribution(e2e) if isinstance(e2e, int | float) else e2e,
        prompt_tokens=distribution(100),
        output_tokens=distribution(100),
        request_throughput=throughput / 200,
        input_throughput=throughput / 2,
        output_throughput=throughput / 2,
        gpus=gpus,
    )


def verdict(score: float = 1.0, *, feasible: bool = True, violation: float = 0.0) -> Verdict:
    """A verdict on `minimize_latency`."""
    return Verdict(
        slos=(),
        feasible=feasible,
        objective="minimize_latency",
        value=score,
        score=score,
        violation=violation,
        reasons=() if feasible else ("e2e_latency_p90 too long",),
    )


def experiment(
    number: int = 0,
    configuration: Mapping[str, object] = DEFAULTS,
    *,
    outcome: Outcome | None = Outcome.OK,
    judged: Verdict | None = None,
) -> Experiment:
    """An experiment that has its outcome."""
    return Experiment(
        number=number,
        configuration=Configuration(configuration),  # type: ignore[arg-type]
        origin="search",
        began_at=1_700_000_000.0,
        phase_began_at=1_700_000_000.0,
        outcome=outcome,
        verdict=judged,
    )
