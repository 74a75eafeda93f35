"""A search that begins with what an earlier run found."""

import pytest

from core.errors import HostError
from core.events import Notice
from core.task import Configuration
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

    monkeypatch.setattr("core.run.warm_start.CONSISTENT", -1.0)
    session.events.clear()
    named = {**again, "warm_start": "stub#1"}
    await session.run(stub_task(space, optimization=named, benchmark=QUICK))
    told = [event.text for event in session.events if isinstance(event, Notice)]
    assert any("against what stub#1 measured of them" in text for text in told)
    assert not any("learns" in text for text in told)


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
