"""Several experiments at a time, on simulated GPUs that really are leased, with real servers."""

from core.events import (
    Event,
    ExperimentQueued,
    FailureKind,
    Outcome,
    Phase,
    PhaseBegan,
    ServerLaunched,
)
from core.task import Task
from tests.run.conftest import Session

TASK = Task.model_validate(
    {
        "task_name": "side-by-side",
        "model": {"id_or_path": "llama-3.1-8b"},
        "base_runtime": "simulated",
        "engine": {"arguments": {"gpu": "H100-80GB", "start-speed": 1000}},
        "parameters": {"max-running-requests": [8, 16], "tp-size": [1, 2]},
        "optimization": {
            "strategy": "grid_search",
            "objective": "maximize_throughput",
            "max_parallel_experiments": 3,
            "confirmation": {"soak": 0, "contenders": 1},
        },
        "benchmark": {
            "traffic_scenarios": ["D(64,8)"],
            "num_concurrency": [4],
            "max_requests_per_iteration": 16,
            "max_time_per_iteration": "2s",
        },
        "timeouts": {"warmup": "5s", "stop": 5},
    }
)


def most_at_a_time(events: list[Event]) -> int:
    running: set[int] = set()
    most = 0
    for event in events:
        if isinstance(event, ExperimentQueued):
            running.add(event.experiment)
        elif isinstance(event, PhaseBegan) and event.phase is Phase.DONE:
            running.discard(event.experiment)
        most = max(most, len(running))
    return most


async def test_experiments_run_side_by_side_on_gpus_of_their_own(session: Session) -> None:
    ending, conclusion = await session.run(TASK)
    assert ending.state == "finished"
    searched = [e for e in conclusion.experiments if e.origin == "search"]
    assert len(searched) == 4
    # On a busy machine the load worker may be too slow for what it measures, and says so.
    failures = [e.failure for e in conclusion.experiments if e.failure]
    assert all(failure.kind is FailureKind.CLIENT_BOUND for failure in failures)
    assert all(e.outcome is Outcome.OK or e.failure for e in searched)
    searching = [
        event
        for event in session.events
        if conclusion.state.experiments[getattr(event, "experiment", None) or 0].origin == "search"
    ]
    assert 2 <= most_at_a_time(searching) <= 3
    proving = [
        event
        for event in session.events
        if conclusion.state.experiments[getattr(event, "experiment", None) or 0].origin
        == "confirmation"
    ]
    assert most_at_a_time(proving) <= 1

    held: dict[int, tuple[str, ...]] = {}
    for event in session.events:
        if isinstance(event, ServerLaunched):
            others = {gpu for gpus in held.values() for gpu in gpus}
            assert not others & set(event.gpus)
            held[event.experiment] = event.gpus
        elif isinstance(event, PhaseBegan) and event.phase is Phase.DONE:
            held.pop(event.experiment, None)
    beside = [n for e in conclusion.experiments for s in e.sub_rounds for n in s.notes]
    assert any("measured beside experiment" in note for note in beside)
