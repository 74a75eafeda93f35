"""A run of two dozen experiments with everything that a report can show.

Known effects, failures, a front, fresh launches that confirm the winner, reverts of single flags,
GPU figures, prices, a host.

The server is an analytic model, so that the truth is known: fp8 brings 45 % throughput, the radix
cache off costs 30 % latency, large pages cost latency with the radix cache off alone, the attention
backend does nothing, and a memory share of 0.95 with fp8 off runs out of memory.
"""

import random
from collections.abc import Iterator, Mapping
from itertools import product

from core.events import (
    ClientFloor,
    ClientHealth,
    Event,
    ExperimentJudged,
    ExperimentQueued,
    FlagEffect,
    FlagReverted,
    GpuDescription,
    GpuUse,
    HostDescribed,
    HostDescription,
    LevelMeasured,
    ModelFiles,
    Notice,
    Origin,
    Outcome,
    Phase,
    PhaseBegan,
    RunBegan,
    RunEnded,
    RunState,
    SubRound,
    WinnerConfirmed,
)
from core.report import Conclusion
from core.task import Configuration, FlagValue, Level, Scenario, parse_task, spell
from core.verdict import best, judge
from core.verdict.confirmation import Candidate, compare, confirm
from tests.builders import SERVER, distribution, launched, outcome_of, sub_round
from tests.report.runs import OUT_OF_MEMORY, conclusion

TEXT = """\
task_name: chat-8b
description: An 8B model for chat
model: {id_or_path: meta-llama/Llama-3.1-8B-Instruct}
base_runtime: sglang
parameters:
  quantization: [null, fp8]
  disable-radix-cache: [false, true]
  page-size: [1, 16, 64]
  mem-fraction-static: [0.8, 0.88, 0.95]
  attention-backend: [flashinfer, triton]
optimization: {objective: maximize_throughput, max_iterations: 22}
benchmark: {traffic_scenarios: ["D(1000,200)"], num_concurrency: [8, 32, 128]}
engine: {environment: {HF_TOKEN: <secret>, OMP_NUM_THREADS: "1"}}
slo:
  latency: {p90: {threshold: 6.5, hard_fail: true, fail_ratio: 0.05}}
  ttft: {p90: {threshold: 0.8}}
"""

START = 1_764_720_000.0
GPU = "GPU-5e1fa6b2-1a2b-3c4d-5e6f-708192a3b4c5"
_LEVELS = (8, 32, 128)


def truth(values: Mapping[str, FlagValue]) -> tuple[float, float]:
    """Tokens per second at the highest level, and the latency there in seconds."""
    rate, latency = 9000.0, 5.6
    if values.get("quantization") == "fp8":
        rate, latency = rate * 1.45, latency * 0.74
    if values.get("disable-radix-cache") is True:
        rate, latency = rate * 0.82, latency * 1.30
        page = values.get("page-size", 1)
        if isinstance(page, int) and page >= 16:
            latency *= 1.18 if page == 16 else 1.4
    memory = values.get("mem-fraction-static", 0.88)
    if isinstance(memory, float):
        rate *= 1.0 + 0.5 * (memory - 0.88)
    return rate, latency


def runs_out_of_memory(values: Mapping[str, FlagValue]) -> bool:
    return values.get("mem-fraction-static") == 0.95 and values.get("quantization") is None


def measured(values: Mapping[str, FlagValue], rng: random.Random, at: float) -> list[SubRound]:
    rate, latency = truth(values)
    noise = rng.gauss(1.0, 0.012)
    found = []
    for index, concurrency in enumerate(_LEVELS):
        share = (0.34, 0.76, 1.0)[index]
        p90 = latency * (0.22, 0.45, 1.0)[index] * rng.gauss(1.0, 0.015)
        ttft = p90 * 0.06
        base = sub_round(index, throughput=rate * share * noise, concurrency=concurrency)
        found.append(
            base.model_copy(
                update={
                    "level": Level(
                        scenario=Scenario.model_validate("D(1000,200)"), concurrency=concurrency
                    ),
                    "started_at": at + 100 + 70 * index,
                    "duration": 60.0,
                    "e2e_latency": _spread(p90),
                    "ttft": _spread(ttft),
                    "tpot": _spread(p90 / 220),
                    "itl": _spread(p90 / 220),
                    "power": 300.0 + 110 * index,
                    "gpu_hour_price": 2.4,
                    "gpu_use": (
                        GpuUse(
                            uuid=GPU,
                            utilization=0.9,
                            power=300.0 + 110 * index,
                            peak_memory=68 << 30,
                            throttled_share=0.0,
                        ),
                    ),
                    "client": ClientHealth(
                        cpu_share=0.2,
                        loop_lag_p99=0.001,
                        send_lag_p99=0.001,
                        floor=ClientFloor(ttft=0.0002, itl=0.0004, tokens_per_second=90_000.0),
                    ),
                }
            )
        )
    return found


def _spread(p90: float) -> object:
    base = distribution(p90 * 0.8, p50=p90 * 0.78, p75=p90 * 0.9, p90=p90, p95=p90 * 1.08)
    shares = {**base.percentiles, "p99": p90 * 1.3, "p99.9": p90 * 1.5}
    return base.model_copy(update={"min": p90 * 0.4, "max": p90 * 1.6, "percentiles": shares})


def served_events(seed: int = 1) -> list[Event]:
    """Return the whole history."""
    rng = random.Random(seed)
    task = parse_task(TEXT).task
    state = RunState()
    events: list[Event] = []

    def say(*news: Event) -> None:
        for event in news:
            state.apply(event)
            events.append(event)

    def conduct(values: Mapping[str, FlagValue], origin: Origin) -> int:
        number = max(state.experiments, default=-1) + 1
        at = START + 400 * number
        say(*_experiment(number, values, origin, at, rng))
        return number

    say(
        RunBegan(
            at=START,
            engine="sglang",
            engine_version="0.5.23",
            simulated=False,
            levels=task.levels(),
            space_size=72,
            planned=23,
            runner=SERVER,
        ),
        HostDescribed(at=START, host=HOST),
    )
    grid = [
        dict(zip(task.parameters, values, strict=True))
        for values in product(
            (None, "fp8"), (False, True), (1, 16, 64), (0.8, 0.88, 0.95), ("flashinfer", "triton")
        )
    ]
    conduct({}, "baseline")
    chosen = rng.sample(grid, 21)
    chosen.append(BEST)
    for values in chosen:
        conduct(values, "search")
    winner = best(e for e in state.experiments.values() if e.outcome is Outcome.OK)
    assert winner is not None
    fresh: dict[str, list[int]] = {"winner": [], "defaults": []}
    for _ in range(3):
        fresh["defaults"].append(conduct({}, "confirmation"))
        fresh["winner"].append(conduct(winner.configuration, "confirmation"))
    runs = {name: tuple(state.experiments[n] for n in ns) for name, ns in fresh.items()}
    confirmation = confirm(
        [Candidate(winner.number, winner.configuration, runs["winner"])],
        Candidate(0, Configuration(), runs["defaults"]),
        objective=task.optimization.objective,
    )
    end = START + 400 * (max(state.experiments) + 1)
    say(WinnerConfirmed(at=end, confirmation=confirmation))
    for flag in ("quantization", "page-size"):
        without = {**winner.configuration, flag: {"quantization": None, "page-size": 1}[flag]}
        numbers = tuple(conduct(without, "revert") for _ in range(3))
        made = [state.experiments[n] for n in numbers]
        effect = FlagEffect(
            flag=flag,
            value=winner.configuration[flag],
            reverted=without[flag],
            runs=numbers,
            feasible=all(e.outcome is Outcome.OK for e in made),
            gain=compare(runs["winner"], made, task.optimization.objective),
        )
        say(FlagReverted(at=end, effect=effect))
    end = START + 400 * (max(state.experiments) + 1)
    say(RunEnded(at=end, state="finished", reason="the budget is spent", best=winner.number))
    return events


BEST: dict[str, FlagValue] = {
    "quantization": "fp8",
    "disable-radix-cache": False,
    "page-size": 16,
    "mem-fraction-static": 0.88,
    "attention-backend": "flashinfer",
}

HOST = HostDescription(
    autotuner="0.1.0",
    name="gpu-box",
    kernel="6.1.0",
    python="3.11.9",
    cpu="AMD EPYC 9554",
    cpus=64,
    memory_bytes=512 << 30,
    driver="570.124.06",
    gpus=(
        GpuDescription(
            index=0,
            uuid=GPU,
            name="NVIDIA H100 80GB HBM3",
            memory_bytes=80 << 30,
            sm_clock_mhz=1980,
            most_sm_clock_mhz=1980,
            power_limit_watts=700.0,
        ),
    ),
    model=ModelFiles(
        path="/models/Llama-3.1-8B-Instruct", files=9, bytes=16_070_000_000, fingerprint="ab" * 32
    ),
    executable="/opt/sglang/bin/python",
    task_sha256="cd" * 32,
)


def _experiment(
    number: int, values: Mapping[str, FlagValue], origin: Origin, at: float, rng: random.Random
) -> Iterator[Event]:
    task = parse_task(TEXT).task
    argv = ["/opt/sglang/bin/python", "-m", "sglang.launch_server"]
    argv += ["--model-path", task.model.id_or_path, "--host", "127.0.0.1", "--port", "30000"]
    for flag, value in values.items():
        if value is True:
            argv.append(f"--{flag}")
        elif value is not None and value is not False:
            argv += [f"--{flag}", spell(value)]
    yield ExperimentQueued(
        at=at, experiment=number, configuration=Configuration(values), origin=origin
    )
    yield PhaseBegan(at=at + 1, experiment=number, phase=Phase.STARTING, detail="loading weights")
    url, log = "http://127.0.0.1:30000", f"/logs/{number}.log"
    yield launched(number, at + 2, argv, url=url, log=log, gpus=(GPU,))
    if runs_out_of_memory(values):
        failure = OUT_OF_MEMORY
        yield ExperimentJudged(
            at=at + 60, experiment=number, outcome=Outcome.FAILED, failure=failure
        )
        yield PhaseBegan(at=at + 61, experiment=number, phase=Phase.STOPPING)
        yield PhaseBegan(at=at + 66, experiment=number, phase=Phase.DONE)
        return
    yield PhaseBegan(at=at + 80, experiment=number, phase=Phase.WARMING)
    yield PhaseBegan(at=at + 100, experiment=number, phase=Phase.MEASURING)
    found = measured(values, rng, at)
    for one in found:
        yield LevelMeasured(at=one.started_at + 60, experiment=number, sub_round=one)
    verdict = judge(found, task.slo, task.optimization.objective, levels=len(_LEVELS))
    outcome = outcome_of(verdict)
    yield ExperimentJudged(at=at + 310, experiment=number, outcome=outcome, verdict=verdict)
    yield PhaseBegan(at=at + 310, experiment=number, phase=Phase.STOPPING)
    if number == 5:
        text = "had to be killed after the grace period: sglang::scheduler"
        yield Notice(at=at + 350, severity="warning", text=text, experiment=number)
    yield PhaseBegan(at=at + 330, experiment=number, phase=Phase.DONE)


def served(seed: int = 1) -> Conclusion:
    """Return what it amounts to."""
    return conclusion(served_events(seed), TEXT)
