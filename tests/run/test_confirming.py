"""What comes after the search, with real server processes."""

import pytest

from core.events import (
    Notice,
    Outcome,
    SearchAdvanced,
    SearchEnded,
    ServerLaunched,
    WinnerConfirmed,
)
from tests.run.conftest import Session, stub_task

QUICK = {"max_requests_per_iteration": 8, "max_time_per_iteration": "1s"}


async def test_a_winner_is_handed_back_with_its_gain_confirmed(session: Session) -> None:
    task = stub_task({"batch": [8]}, optimization={"confirmation": True}, benchmark=QUICK)
    ending, conclusion = await session.run(task)
    assert ending.reason == "every configuration has been tried"
    origins = [e.origin for e in conclusion.experiments]
    assert origins == ["baseline", "search", *["confirmation"] * 6]
    configurations = [dict(e.configuration) for e in conclusion.experiments[2:]]
    assert configurations == [{}, {"batch": 8}] * 3
    assert sum(isinstance(e, ServerLaunched) for e in session.events) == 8

    confirmation = conclusion.confirmation
    assert confirmation is not None
    assert confirmation.status == "better"
    assert confirmation.winner == 1
    assert conclusion.confirmed is not None
    assert conclusion.confirmed.low > 0.3
    assert conclusion.gain == conclusion.confirmed.share
    assert "3 fresh launches against 3" in conclusion.headline

    said = [e for e in session.events if isinstance(e, SearchEnded | WinnerConfirmed)]
    assert [type(e) for e in said] == [SearchEnded, WinnerConfirmed]
    power = [e.text for e in session.events if isinstance(e, Notice) and "three times" in e.text]
    assert len(power) == 1
    standings = [e for e in session.events if isinstance(e, SearchAdvanced)]
    assert all(e.next for e in standings)
    assert all(e.eta is not None and e.eta_basis for e in standings)
    assert standings[-1].noise is not None


async def test_an_experiment_that_breaks_an_slo_early_is_stopped_there(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.verdict.pruning.COMPLETE_FIRST", 2)
    task = stub_task(
        {"first-token": [0.02, 0.03, 0.6, 0.7]},
        optimization={"baseline": False},
        benchmark={**QUICK, "num_concurrency": [2, 1], "max_requests_per_iteration": 4},
        slo={"ttft": {"p50": {"threshold": 0.3, "hard_fail": True, "fail_ratio": 0.0}}},
        timeouts={"warmup": "9s"},
    )
    _, conclusion = await session.run(task)
    for experiment in conclusion.experiments:
        slow = float(str(experiment.configuration["first-token"])) > 0.1
        if slow and experiment.number > 2:
            assert experiment.outcome is Outcome.PRUNED
            # The lightest load comes first, wherever it stands in the task.
            assert [s.index for s in experiment.sub_rounds] == [1]
            assert "breaks 0.3 s for good" in experiment.stopped_because
        else:  # may be stopped all the same, but only because it can no longer win
            assert "breaks" not in experiment.stopped_because
            assert len(experiment.sub_rounds) == (1 if experiment.stopped_because else 2)
    assert any("breaks" in e.stopped_because for e in conclusion.experiments)
