"""The state machine of experiments, driven by arbitrary sequences of events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.events import (
    Confirmation,
    Event,
    ExperimentJudged,
    ExperimentQueued,
    FlagEffect,
    FlagReverted,
    Gain,
    LevelMeasured,
    Notice,
    Outcome,
    Phase,
    PhaseBegan,
    ProcessIdentity,
    RunBegan,
    RunEnded,
    RunState,
    SearchAdvanced,
    WinnerConfirmed,
    decode,
    encode,
)
from core.task import Configuration
from tests.builders import sub_round, verdict

LIFE: list[Event] = [
    ExperimentQueued(at=0, experiment=1, configuration=Configuration({"a": 1}), origin="search"),
    PhaseBegan(at=1, experiment=1, phase=Phase.LEASING),
    PhaseBegan(at=2, experiment=1, phase=Phase.STARTING),
    PhaseBegan(at=5, experiment=1, phase=Phase.STARTING, detail="loading weights"),
    PhaseBegan(at=12, experiment=1, phase=Phase.WARMING),
    PhaseBegan(at=14, experiment=1, phase=Phase.MEASURING),
    LevelMeasured(at=24, experiment=1, sub_round=sub_round(0)),
    PhaseBegan(at=24, experiment=1, phase=Phase.WARMING),
    PhaseBegan(at=25, experiment=1, phase=Phase.MEASURING),
    LevelMeasured(at=35, experiment=1, sub_round=sub_round(1)),
    ExperimentJudged(at=35, experiment=1, outcome=Outcome.OK, verdict=verdict()),
    PhaseBegan(at=35, experiment=1, phase=Phase.STOPPING),
    Notice(at=36, experiment=1, severity="warning", text="the server was slow to stop"),
    PhaseBegan(at=37, experiment=1, phase=Phase.DONE),
]


def after(*events: Event) -> RunState:
    state = RunState()
    for event in events:
        state.apply(event)
    return state


def test_a_whole_life() -> None:
    lived = after(*LIFE).experiments[1]
    assert lived.phase is Phase.DONE
    assert lived.outcome is Outcome.OK
    assert lived.measured
    assert [s.index for s in lived.sub_rounds] == [0, 1]
    assert lived.spent == {
        Phase.QUEUED: 1,
        Phase.LEASING: 1,
        Phase.STARTING: 10,
        Phase.WARMING: 3,
        Phase.MEASURING: 20,
        Phase.STOPPING: 2,
    }
    assert lived.ended_at == 37
    assert lived.warnings == ("the server was slow to stop",)


def test_a_warning_after_the_result_leaves_the_result_alone() -> None:
    state = after(*LIFE[:12])
    before = state.experiments[1]
    state.apply(LIFE[12])
    assert state.experiments[1].outcome is before.outcome
    assert state.experiments[1].verdict == before.verdict


@pytest.mark.parametrize(
    ("past", "impossible", "complaint"),
    [
        ([], LIFE[1], "never queued"),
        (LIFE[:1], LIFE[0], "queued twice"),
        (LIFE[:6], LIFE[1], "cannot go from measuring to leasing"),
        (LIFE[:12], LIFE[5], "cannot go from stopping to measuring"),
        (LIFE[:6], LIFE[13], "done without an outcome"),
        (LIFE[:11], LIFE[10], "judged twice"),
        (LIFE[:11], LIFE[9], "judged before it was measured"),
        (LIFE, LIFE[11], "is done"),
    ],
)
def test_what_cannot_happen_is_refused(past: list, impossible: Event, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        after(*past).apply(impossible)


@given(st.lists(st.sampled_from(LIFE), max_size=40))
def test_no_order_of_events_brings_an_experiment_into_an_impossible_state(events: list) -> None:
    state = RunState()
    for event in events:
        before = state.experiments.get(1)
        try:
            state.apply(event)
        except ValueError:
            assert state.experiments.get(1) is before
    for lived in state.experiments.values():
        assert (lived.ended_at is not None) == (lived.phase is Phase.DONE)
        assert lived.phase is not Phase.DONE or lived.outcome is not None
        assert all(seconds >= 0 for seconds in lived.spent.values())


@given(st.integers(0, len(LIFE)))
def test_any_beginning_of_a_life_is_a_state(end: int) -> None:
    after(*LIFE[:end])


def test_events_survive_json() -> None:
    for event in LIFE:
        assert decode(encode(event)) == event


def test_the_run_itself() -> None:
    began = RunBegan(
        at=0,
        engine="simulated",
        simulated=True,
        levels=(),
        space_size=6,
        planned=7,
        runner=ProcessIdentity(pid=1, start_ticks=2, boot_id="b"),
    )
    state = after(began, *LIFE, SearchAdvanced(at=37, best=1, remaining=5, eta=100))
    assert state.best is state.experiments[1]
    state.apply(RunEnded(at=40, state="finished", reason="the space is exhausted", best=1))
    assert state.best is state.experiments[1]
    state.apply(began)
    assert state.ended is None


def test_what_fresh_launches_prove_is_part_of_the_state() -> None:
    gain = Gain(share=0.1, low=0.05, high=0.15, probability=0.99, noise=0.02, repeats=3, control=3)
    effect = FlagEffect(flag="a", value=1, runs=(9, 10, 11), feasible=True, gain=gain)
    said: list[Event] = [
        WinnerConfirmed(
            at=50, confirmation=Confirmation(status="better", reason="3 against 3", winner=1)
        ),
        FlagReverted(at=60, effect=effect),
    ]
    state = after(*LIFE, *[decode(encode(event)) for event in said])
    assert state.confirmation is not None
    assert state.confirmation.winner == 1
    assert state.effects == {"a": effect}
