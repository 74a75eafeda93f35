"""A run of five experiments in which everything happens that a report has to tell."""

from collections.abc import Iterator, Mapping

from core.events import (
    Event,
    Experiment,
    ExperimentJudged,
    ExperimentQueued,
    Failure,
    FailureKind,
    LevelMeasured,
    LevelProgress,
    Notice,
    Phase,
    PhaseBegan,
    RunBegan,
    RunEnded,
    RunState,
    SearchAdvanced,
)
from core.report import Conclusion
from core.store import StoredTask, TaskState
from core.task import Configuration, FlagValue, Objective, Reading, parse_task, spell
from core.verdict import best, judge
from tests.builders import SERVER, launched, outcome_of, sub_round

TEXT = """\
# how we serve chat
task_name: chat
model: {id_or_path: meta-llama/Llama-3-8B}
base_runtime: simulated
parameters: {page-size: [1, 64], disable-radix-cache: [true, false]}
optimization: {objective: maximize_throughput, strategy: grid_search}
benchmark: {traffic_scenarios: ["D(100,100)"], num_concurrency: [4, 16]}
engine: {environment: {HF_TOKEN: <secret>, OMP_NUM_THREADS: "1"}}
slo:
  latency: {p90: {threshold: 6.5, hard_fail: true, fail_ratio: 0.2}}
  ttft: {threshold: 0.2, weight: 2}
"""

OUT_OF_MEMORY = Failure(
    kind=FailureKind.OUT_OF_MEMORY,
    message="the KV cache does not fit into the GPU's memory",
    evidence="\x1b[31mtorch.OutOfMemoryError\x1b[0m: CUDA out of memory. [GPU 0]\r\n",
    advice="lower mem-fraction-static or max-running-requests",
)

DEFAULTS: Mapping[str, FlagValue] = {}
RADIX_OFF: Mapping[str, FlagValue] = {"page-size": 64, "disable-radix-cache": True}
RADIX_ON: Mapping[str, FlagValue] = {"page-size": 64, "disable-radix-cache": False}
SMALL_PAGES: Mapping[str, FlagValue] = {"page-size": 1, "disable-radix-cache": False}
TOO_MUCH: Mapping[str, FlagValue] = {"page-size": 1, "disable-radix-cache": True}


def reading(text: str = TEXT) -> Reading:
    return parse_task(text)


def experiment_events(
    number: int,
    configuration: Mapping[str, FlagValue],
    *,
    at: float,
    e2e: float = 1.0,
    ttft: float = 0.1,
    throughput: float = 1000.0,
    failure: Failure | None = None,
    warning: str = "",
    text: str = TEXT,
) -> Iterator[Event]:
    """An experiment of two levels, the second a third slower and twice as productive."""
    task = reading(text).task
    argv = ["/usr/bin/python3", "-m", "sglang.launch_server", "--model-path", task.model.id_or_path]
    for flag, value in configuration.items():
        argv += [f"--{flag}", spell(value)]
    yield ExperimentQueued(
        at=at,
        experiment=number,
        configuration=Configuration(configuration),
        origin="search" if configuration else "baseline",
        reason="spreads over the space" if configuration else "",
    )
    yield PhaseBegan(at=at + 1, experiment=number, phase=Phase.STARTING, detail="loading weights")
    yield launched(number, at + 2, argv, log=f"/home/me/logs/1-chat/{number}.log")
    measured = []
    for index, concurrency in enumerate((4, 16)):
        if failure is not None:
            break
        at += 20
        yield PhaseBegan(at=at, experiment=number, phase=Phase.MEASURING)
        for done in (10, 20, 45):
            yield LevelProgress(
                at=at + done / 4,
                experiment=number,
                index=index,
                phase=Phase.MEASURING,
                elapsed=done / 4,
                done=done,
                planned=50,
                failed=index,
                output_throughput=812.3,
                ttft=0.0921,
            )
        measured.append(
            sub_round(
                index,
                e2e=e2e * (1 + index / 3),
                ttft=ttft,
                throughput=throughput * (1 + index),
                concurrency=concurrency,
            )
        )
        yield LevelMeasured(at=at + 15, experiment=number, sub_round=measured[-1])
    verdict = judge(measured, task.slo, task.optimization.objective, levels=2) if measured else None
    outcome = outcome_of(verdict, failure)
    yield ExperimentJudged(
        at=at + 16, experiment=number, outcome=outcome, verdict=verdict, failure=failure
    )
    if warning:
        yield Notice(at=at + 17, severity="warning", text=warning, experiment=number)
    yield PhaseBegan(at=at + 17, experiment=number, phase=Phase.DONE)


def run_events(
    experiments: list[list[Event]], *, text: str = TEXT, simulated: bool = True
) -> Iterator[Event]:
    """A whole run of these experiments."""
    yield RunBegan(
        at=1_700_000_000.0,
        engine="simulated",
        engine_version="1.0",
        simulated=simulated,
        levels=reading(text).task.levels(),
        space_size=4,
        planned=5,
        runner=SERVER,
    )
    state = RunState()
    for number, events in enumerate(experiments, 1):
        for event in events:
            state.apply(event)
            yield event
        winner = best(state.experiments.values())
        left = len(experiments) - number
        yield SearchAdvanced(
            at=events[-1].at,
            best=winner.number if winner else None,
            remaining=left,
            eta=62.0 * left,
        )
    winner = best(state.experiments.values())
    yield RunEnded(
        at=1_700_001_000.0,
        state="finished",
        reason="the space is exhausted",
        best=winner.number if winner else None,
    )


def chat_events() -> list[Event]:
    """The run of five."""
    start = 1_700_000_000.0
    return list(
        run_events(
            [
                list(experiment_events(0, DEFAULTS, at=start, e2e=4.5, throughput=3000)),
                list(experiment_events(1, RADIX_OFF, at=start + 60, e2e=8.7, ttft=0.3)),
                list(experiment_events(2, RADIX_ON, at=start + 120, e2e=3.9, throughput=4383)),
                list(
                    experiment_events(
                        3,
                        SMALL_PAGES,
                        at=start + 180,
                        e2e=4.0,
                        ttft=0.25,
                        throughput=4000,
                        warning="the server took 70 s to stop",
                    )
                ),
                list(experiment_events(4, TOO_MUCH, at=start + 240, failure=OUT_OF_MEMORY)),
            ]
        )
    )


def conclusion(events: list[Event], text: str = TEXT) -> Conclusion:
    """What the events amount to."""
    state = RunState()
    for event in events:
        state.apply(event)
    task = reading(text).task
    stored = StoredTask(
        id=1,
        name=task.task_name,
        run=2,
        text=text,
        source="chat.yaml",
        task=task,
        created_at=1_699_999_999.0,
        state=TaskState.FINISHED,
        runner=None,
    )
    return Conclusion(stored, state)


def text_for(objective: Objective) -> str:
    """The task with another objective and no SLO."""
    return TEXT.replace("maximize_throughput", objective).partition("slo:")[0]


def measured(
    number: int, configuration: Mapping[str, FlagValue], *, text: str, **figures: float
) -> list[Event]:
    """An experiment of `text`."""
    at = 1_700_000_000.0 + 100 * number
    return list(experiment_events(number, configuration, at=at, text=text, **figures))  # type: ignore[arg-type]


def winner_of(run: Conclusion) -> Experiment:
    assert run.winner is not None
    return run.winner
