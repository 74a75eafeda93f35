"""Runs for tests of the store: the events of whole experiments, and arbitrary valid histories."""

from hypothesis import strategies as st

from core.events import (
    Event,
    ExperimentJudged,
    ExperimentQueued,
    LevelMeasured,
    LevelProgress,
    Notice,
    Outcome,
    Phase,
    PhaseBegan,
    ProcessIdentity,
    RunBegan,
    RunEnded,
    RunState,
    SearchAdvanced,
)
from core.task import Configuration, Task
from tests.builders import launched, sub_round, verdict

RUNNER = ProcessIdentity(pid=4_000_001, start_ticks=1, boot_id="boot")
OTHER = ProcessIdentity(pid=4_000_002, start_ticks=2, boot_id="boot")

TEXT = "task_name: quickstart\nmodel: {id_or_path: tiny}\nbase_runtime: simulated\n"


def a_task(name: str = "quickstart") -> Task:
    return Task.model_validate(
        {"task_name": name, "model": {"id_or_path": "tiny"}, "base_runtime": "simulated"}
    )


def began(at: float = 0.0, *, resumed: bool = False) -> RunBegan:
    return RunBegan(
        at=at,
        engine="simulated",
        simulated=True,
        levels=(),
        space_size=6,
        planned=7,
        runner=RUNNER,
        resumed=resumed,
    )


def progress(experiment: int, at: float, done: int = 5) -> LevelProgress:
    return LevelProgress(
        at=at,
        experiment=experiment,
        index=0,
        phase=Phase.MEASURING,
        elapsed=1.0,
        done=done,
        planned=50,
        failed=0,
        output_throughput=100.0,
        ttft=0.1,
    )


def measured_experiment(
    number: int, at: float = 0.0, *, levels: int = 2, score: float | None = None
) -> list[Event]:
    """All events of an experiment that went well."""
    judged = verdict(float(number + 1) if score is None else score)
    events: list[Event] = [
        ExperimentQueued(
            at=at,
            experiment=number,
            configuration=Configuration({"page-size": number} if number else {}),
            origin="search" if number else "baseline",
        ),
        PhaseBegan(at=at + 1, experiment=number, phase=Phase.LEASING),
        PhaseBegan(at=at + 2, experiment=number, phase=Phase.STARTING),
        launched(number, at + 3),
    ]
    for index in range(levels):
        events += [
            PhaseBegan(at=at + 4 + 2 * index, experiment=number, phase=Phase.WARMING),
            PhaseBegan(at=at + 5 + 2 * index, experiment=number, phase=Phase.MEASURING),
            LevelMeasured(at=at + 6 + 2 * index, experiment=number, sub_round=sub_round(index)),
        ]
    end = at + 6 + 2 * levels
    return [
        *events,
        ExperimentJudged(at=end, experiment=number, outcome=Outcome.OK, verdict=judged),
        PhaseBegan(at=end, experiment=number, phase=Phase.STOPPING),
        PhaseBegan(at=end + 1, experiment=number, phase=Phase.DONE),
        SearchAdvanced(at=end + 1, best=0, remaining=5, eta=60.0),
    ]


def ended(at: float, best: int | None = 0) -> RunEnded:
    return RunEnded(at=at, state="finished", reason="the space is exhausted", best=best)


def same(one: RunState, other: RunState) -> bool:
    return vars(one) == vars(other)


_ANYTHING: list[Event] = [
    began(),
    ended(99.0),
    SearchAdvanced(at=50.0, best=1, remaining=3, eta=None),
    Notice(at=1.0, text="for your information"),
    *(
        event
        for number in (0, 1, 2)
        for event in (
            *measured_experiment(number, at=float(number)),
            progress(number, at=3.0),
            progress(number, at=4.0, done=9),
            Notice(at=5.0, severity="warning", text="a GPU kept memory", experiment=number),
        )
    ),
]


@st.composite
def histories(draw: st.DrawFn) -> list[list[Event]]:
    """Batches of events, each of which may follow what was said before it."""
    state, history = RunState(), []
    for event in draw(st.lists(st.sampled_from(_ANYTHING), max_size=60)):
        try:
            state.apply(event)
        except ValueError:
            continue
        history.append(event)
    batches: list[list[Event]] = []
    while history:
        size = draw(st.integers(1, len(history)))
        batches.append(history[:size])
        history = history[size:]
    return batches
