"""A search that begins with what an earlier run found."""

import pytest

from core.errors import HostError
from core.events import Experiment, Notice
from core.run.warm_start import Earlier
from core.task import Configuration
from tests.builders import experiment, verdict
from tests.run.conftest import Session, stub_task

QUICK = {"max_requests_per_iteration": 8, "max_time_per_iteration": "1s"}
SEARCH = {"strategy": "bayesian", "max_iterations": 1, "baseline": False, "early_stop": 0}


async def test_the_best_of_an_earlier_run_comes_first(session: Session) -> None:
    first = stub_task({"batch": [4]}, optimization={"baseline": False}, benchmark=QUICK)
    await session.run(first)
    again = stub_task(
        {"batch": [1, 2, 3, 4, 5, 6, 7, 8]},
        optimization={**SEARCH, "warm_start": True},
        benchmark=QUICK,
    )
    _, conclusion = await session.run(again)
    assert conclusion.experiments[0].configuration == Configuration({"batch": 4})
    told = [event.text for event in session.events if isinstance(event, Notice)]
    assert "the search begins with the best of stub#1: batch=4" in told


async def test_what_was_measured_teaches_where_the_defaults_are_what_they_were(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.run.warm_start.CONSISTENT", 0.5)  # on a machine as busy as it may be
    space = {"batch": [1, 2, 3, 4, 5, 6, 7, 8]}
    first = stub_task({"batch": [2, 4]}, benchmark=QUICK)
    await session.run(first)
    again = {**SEARCH, "baseline": True, "warm_start": True}
    await session.run(stub_task(space, optimization=again, benchmark=QUICK))
    told = [event.text for event in session.events if isinstance(event, Notice)]
    assert "the search learns from 3 experiments of stub#1" in told


def test_defaults_that_are_not_what_they_were_teach_nothing() -> None:
    def defaults(value: float) -> Experiment:
        return experiment(0, judged=verdict(value))

    known = (defaults(2.0), experiment(1, judged=verdict(1.0)))
    earlier = Earlier("then#1", Configuration({"batch": 4}), defaults(2.0), True, known)
    assert earlier.teaches(defaults(2.05)) == known
    assert earlier.inconsistency(defaults(2.05)) is None
    assert earlier.teaches(defaults(2.2)) == ()
    assert "against what then#1 measured" in (earlier.inconsistency(defaults(2.2)) or "")
    unlike = Earlier("then#1", Configuration({"batch": 4}), None, True)
    assert unlike.teaches(defaults(2.0)) == ()
    assert unlike.inconsistency(defaults(2.2)) is None


async def test_what_does_not_fit_the_space_is_not_taken_over(session: Session) -> None:
    await session.run(stub_task({"batch": [4]}, optimization={"baseline": False}, benchmark=QUICK))
    other = stub_task(
        {"batch": [1, 2, 3]}, optimization={**SEARCH, "warm_start": True}, benchmark=QUICK
    )
    await session.run(other)
    told = [event.text for event in session.events if isinstance(event, Notice)]
    assert any("no earlier run" in text for text in told)
    named = stub_task(
        {"batch": [1, 2, 3]}, optimization={**SEARCH, "warm_start": "stub#1"}, benchmark=QUICK
    )
    with pytest.raises(HostError, match="stub#1: it found nothing of use here"):
        await session.run(named)
    nobody = stub_task(
        {"batch": [1, 2, 3]}, optimization={**SEARCH, "warm_start": "nobody"}, benchmark=QUICK
    )
    with pytest.raises(HostError, match="nobody: there is no such run"):
        await session.run(nobody)
