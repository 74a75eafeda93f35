"""The published case that this project grew from, as far as it is on record.

Seven of ten experiments of one task on SGLang: P90 of the E2E latency in seconds (threshold 6.5,
hard), scores as minus total tokens per second and GPU. On record are 1, 2 and 5 (the radix cache
off, page sizes 64, 128, 256; 8.7 to 10.4 s), 4 and 6 (the radix cache on, page size 64, KV cache
auto and fp8_e5m2), 8 (measured with −5177.4, then failed on its slow clean-up) and 9 (a warm-up
request that timed out while the service was still compiling). Not on record, and chosen here: which
of 1 and 2 had page size 64, the KV cache type of 5, the flags of 8 and 9 beside the radix cache,
the P90s that held.
"""

from collections.abc import Iterator, Mapping

from core.events import (
    Event,
    ExperimentJudged,
    ExperimentQueued,
    Failure,
    FailureKind,
    LevelMeasured,
    Notice,
    Phase,
    PhaseBegan,
    RunBegan,
    RunEnded,
)
from core.report import Conclusion
from core.task import Configuration, FlagValue, parse_task, spell
from core.verdict import judge
from tests.builders import SERVER, distribution, launched, outcome_of, sub_round
from tests.report.runs import conclusion

TEXT = """\
task_name: captain
model: {id_or_path: Captain-Eris_v1202c}
base_runtime: sglang
parameters:
  page-size: [64, 128, 256]
  disable-radix-cache: [true, false]
  kv-cache-dtype: [auto, fp8_e5m2]
optimization: {objective: maximize_throughput, max_iterations: 10, baseline: false}
benchmark: {traffic_scenarios: ["D(1000,200)"], num_concurrency: [16]}
slo: {latency: {p90: {threshold: 6.5, hard_fail: true, fail_ratio: 0.2}}}
"""

WARMUP = Failure(
    kind=FailureKind.WARMUP_TIMEOUT,
    message="the first request was not answered within 30 s",
    evidence="Capturing CUDA graphs (bs=64) …",
    advice="raise timeouts.warmup, or read the server's log",
)

SLOW_STOP = "had to be killed after the grace period: sglang::scheduler"


def flags(page: int, *, radix_off: bool, kv: str) -> Mapping[str, FlagValue]:
    return {"page-size": page, "disable-radix-cache": radix_off, "kv-cache-dtype": kv}


def _experiment(
    number: int,
    values: Mapping[str, FlagValue],
    *,
    p90: float = 0.0,
    score: float = 0.0,
    failure: Failure | None = None,
    warning: str = "",
) -> Iterator[Event]:
    at = 1_764_720_000.0 + 400 * number
    task = parse_task(TEXT).task
    argv = ["python3", "-m", "sglang.launch_server", "--model-path", task.model.id_or_path]
    for flag, value in values.items():
        if value is not False:
            argv += [f"--{flag}"] if value is True else [f"--{flag}", spell(value)]
    yield ExperimentQueued(
        at=at, experiment=number, configuration=Configuration(values), origin="search"
    )
    yield PhaseBegan(at=at + 1, experiment=number, phase=Phase.STARTING, detail="loading weights")
    yield launched(number, at + 2, argv)
    yield PhaseBegan(at=at + 90, experiment=number, phase=Phase.WARMING)
    verdict = None
    if failure is None:
        yield PhaseBegan(at=at + 100, experiment=number, phase=Phase.MEASURING)
        measured = sub_round(
            e2e=distribution(p90 * 0.8, p90=p90, p95=p90 * 1.1, p99=p90 * 1.3),
            throughput=-score,
            concurrency=16,
        )
        yield LevelMeasured(at=at + 300, experiment=number, sub_round=measured)
        verdict = judge([measured], task.slo, task.optimization.objective, levels=1)
    yield ExperimentJudged(
        at=at + 301,
        experiment=number,
        outcome=outcome_of(verdict, failure),
        verdict=verdict,
        failure=failure,
    )
    if warning:
        yield Notice(at=at + 360, severity="warning", text=warning, experiment=number)
    yield PhaseBegan(at=at + 361, experiment=number, phase=Phase.DONE)


def published_events() -> list[Event]:
    task = parse_task(TEXT).task
    return [
        RunBegan(
            at=1_764_720_000.0,
            engine="sglang",
            simulated=False,
            levels=task.levels(),
            space_size=12,
            planned=10,
            runner=SERVER,
        ),
        *_experiment(1, flags(64, radix_off=True, kv="auto"), p90=8.7, score=-3901.0),
        *_experiment(2, flags(128, radix_off=True, kv="auto"), p90=10.4, score=-3455.0),
        *_experiment(4, flags(64, radix_off=False, kv="auto"), p90=6.1, score=-4382.9122),
        *_experiment(5, flags(256, radix_off=True, kv="auto"), p90=9.46, score=-3622.0),
        *_experiment(6, flags(64, radix_off=False, kv="fp8_e5m2"), p90=5.4, score=-5188.3930),
        *_experiment(
            8,
            flags(128, radix_off=False, kv="fp8_e5m2"),
            p90=5.5,
            score=-5177.4,
            warning=SLOW_STOP,
        ),
        *_experiment(9, flags(256, radix_off=False, kv="fp8_e5m2"), failure=WARMUP),
        RunEnded(at=1_764_724_000.0, state="finished", reason="the budget is spent", best=6),
    ]


def published() -> Conclusion:
    return conclusion(published_events(), TEXT)
