"""The course of a level, on made-up loads."""

import itertools
import re
from collections.abc import Sequence

import numpy as np
import pytest

from core.events import FailureKind
from core.load.arrivals import schedule
from core.load.conductor import Conductor, Window
from core.load.observations import Observations
from core.load.plan import LevelPlan, MeasurementError
from core.load.records import Ending
from core.task import Arrivals, Level, Scenario
from tests.load.fabricated import START, Call, Playback, closed_loop


def plan(
    slots: int | None = 8, requests: int = 32, rate: float | None = None, **more: float
) -> LevelPlan:
    level = Level(
        scenario=Scenario.model_validate("D(100,10)"), concurrency=slots, request_rate=rate
    )
    given = {"max_seconds": 100.0, "warmup_seconds": 50.0} | more
    return LevelPlan.model_validate({"index": 0, "level": level, "requests": requests, **given})


def conducted(asked: LevelPlan, calls: Sequence[Call], until: float = 100.0) -> Conductor:
    """Play `calls` to a conductor, a tally each tenth of a second, until it has its window."""
    seen = Observations(workers=1, began=START)
    conductor = Conductor(asked, seen)
    playback = Playback(calls)
    now, borders = 0.0, None
    while now < until and not conductor.out_of_time:
        if borders and now > ends_of(calls, borders[1]):
            break
        seen.take(0, playback.tally(now, now + 0.1))
        now += 0.1
        borders = conductor.decide() or borders
    return conductor


def ends_of(calls: Sequence[Call], closed: int) -> float:
    return max(call.end for call in calls if START + call.due * 1e9 < closed - 1000)


def seconds(window: Window) -> tuple[float, float]:
    return (window.opened - START) / 1e9, (window.closed - START) / 1e9


def test_the_window_opens_after_the_openings_and_holds_just_the_planned_requests() -> None:
    calls = closed_loop(8, 30, ttft=0.2, itl=0.02, tokens=41)  # a second each
    window = conducted(plan(), calls).window()
    opened, closed = seconds(window)
    assert max(call.end for call in calls if call.opening) - 0.2 <= opened < 4
    assert sum(opened <= call.due < closed for call in calls) == 32
    assert window.steady
    assert window.notes == ()


def test_a_single_slot_is_measured_from_request_to_request() -> None:
    calls = closed_loop(1, 60, ttft=0.2, itl=0.02, tokens=41)
    opened, closed = seconds(conducted(plan(1, 6), calls).window())
    assert closed - opened == pytest.approx(6, abs=0.01)
    assert any(call.due == pytest.approx(opened) for call in calls)


def test_a_server_that_is_slow_at_first_is_measured_once_it_is_not() -> None:
    slow_at_first = np.frompyfunc(lambda at: 5.0 if at < 6 else 1.0, 1, 1)
    calls = closed_loop(8, 60, ttft=0.1, itl=0.02, tokens=46, speed=slow_at_first)
    window = conducted(plan(), calls).window()
    assert seconds(window)[0] > 6
    assert window.steady


def test_a_load_that_never_gets_steady_is_measured_with_a_warning() -> None:
    ever_slower = np.frompyfunc(lambda at: 1 + at, 1, 1)
    calls = closed_loop(8, 300, ttft=0.05, itl=0.02, tokens=20, speed=ever_slower)
    window = conducted(plan(warmup_seconds=10), calls).window()
    assert not window.steady
    assert any("not steady after" in n or "throughput changed" in n for n in window.notes)


def test_a_load_that_drifts_within_the_window_is_called_so() -> None:
    ever_slower = np.frompyfunc(lambda at: 1 + at / 4, 1, 1)
    calls = closed_loop(8, 200, ttft=0.05, itl=0.02, tokens=20, speed=ever_slower)
    window = conducted(plan(warmup_seconds=10), calls).window()
    assert not window.steady
    told = re.search(r"throughput changed while measured: (\d+)% of it", window.notes[-1])
    assert told is not None
    assert 51 < int(told[1]) < 60


def test_noise_without_drift_is_warm_after_some_requests_lengths() -> None:
    rng = np.random.default_rng(4)
    noise = np.frompyfunc(lambda at: float(rng.lognormal(0, 0.8)), 1, 1)
    calls = closed_loop(4, 200, ttft=0.1, itl=0.02, tokens=46, speed=noise)
    window = conducted(plan(4, 40), calls).window()
    assert seconds(window)[0] < 30
    assert sum(seconds(window)[0] <= call.due < seconds(window)[1] for call in calls) == 40


def test_when_time_is_up_the_window_ends_before_the_first_unfinished_request() -> None:
    calls = closed_loop(8, 60, ttft=0.2, itl=0.02, tokens=41)
    conductor = conducted(plan(requests=10_000, max_seconds=5), calls)
    assert conductor.out_of_time
    window = conductor.window()
    opened, closed = seconds(window)
    now = (conductor._seen.now - START) / 1e9
    assert all(call.end <= now for call in calls if opened <= call.due < closed)
    assert "time was up" in window.notes[-1]


def test_requests_that_outlast_all_others_by_far_have_failed_when_time_is_up() -> None:
    calls = closed_loop(8, 60, ttft=0.2, itl=0.02, tokens=41)
    hung = next(call for call in calls if call.due > 5)
    hung.ttft = 1000.0
    conductor = conducted(plan(requests=10_000, max_seconds=10), calls)
    window = conductor.window()
    rows = conductor._seen.rows()
    stuck = rows[rows["ending"] == Ending.TIMEOUT]
    assert len(stuck) == 1
    assert window.opened <= stuck["due"][0] < window.closed


def test_nothing_but_failures_ends_the_level_at_once() -> None:
    calls = [Call(0.1 * number, ending=503) for number in range(100)]
    with pytest.raises(MeasurementError, match="queue is full") as caught:
        conducted(plan(), calls)
    assert caught.value.failure.kind is FailureKind.REQUEST_ERRORS
    assert "8 of 8" in caught.value.failure.message or "9 of 9" in caught.value.failure.message


def test_too_large_a_share_of_failures_ends_the_level() -> None:
    calls = [Call(0.05 * number, ending=0 if number % 3 == 0 else 500) for number in range(400)]
    with pytest.raises(MeasurementError) as caught:
        conducted(plan(), calls)
    assert caught.value.failure.kind is FailureKind.REQUEST_ERRORS


def test_some_failures_are_borne() -> None:
    calls = closed_loop(8, 30, ttft=0.2, itl=0.02, tokens=41)
    for call in calls[::10]:
        call.ending = 503 if not call.opening else 0
    conducted(plan(), calls).window()


def test_no_answer_within_the_warm_up_is_a_failure_of_its_own() -> None:
    calls = [Call(0.0, ttft=500.0) for _ in range(8)]
    with pytest.raises(MeasurementError) as caught:
        conducted(plan(warmup_seconds=3), calls)
    assert caught.value.failure.kind is FailureKind.WARMUP_TIMEOUT


def poisson(rate: float, duration: float, seed: int) -> "np.ndarray":
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.exponential(1 / rate, int(rate * duration)))


def test_an_open_loop_is_warm_when_it_has_filled_up() -> None:
    calls = [Call(float(at), ttft=0.2, itl=0.02, tokens=41) for at in poisson(10, 60, 1)]
    window = conducted(plan(None, 100, rate=10), calls).window()
    opened, closed = seconds(window)
    assert 1 <= opened < 15
    assert sum(opened <= call.due < closed for call in calls) == 100
    assert window.steady


def test_a_ramp_is_over_before_the_window_opens() -> None:
    asked = plan(None, 100, rate=10).model_copy(update={"arrivals": Arrivals(ramp=20)})
    rng = np.random.default_rng(1)
    due = list(itertools.islice(schedule(asked.arrivals, 10, asked.longest, rng), 400))
    calls = [Call(at, ttft=0.2, itl=0.02, tokens=41) for at in due]
    opened, closed = seconds(conducted(asked, calls).window())
    assert 20 <= opened < 30
    assert closed - opened == pytest.approx(10, abs=0.001)


def test_an_overloaded_open_loop_is_measured_and_called_so() -> None:
    at = poisson(10, 60, 2)
    done = np.maximum.accumulate(np.arange(len(at)) / 5.0 + 1)  # five a second, whatever comes
    calls = [
        Call(float(due), ttft=max(0.2, float(end - due)), itl=0.02, tokens=10)
        for due, end in zip(at, done, strict=True)
    ]
    window = conducted(plan(None, 100, rate=10, max_seconds=40), calls).window()
    assert not window.steady
    assert window.notes[0] == "the load was not steady after 100 requests of warm-up"
    assert any("piled up" in note for note in window.notes)


def test_an_open_loop_of_few_long_requests_has_the_time_to_fill_up() -> None:
    calls = [Call(float(at), ttft=0.4, itl=0.02, tokens=21) for at in poisson(10, 60, 1)]
    window = conducted(plan(None, 20, rate=10), calls).window()  # three lengths of one take 24
    opened, _ = seconds(window)
    assert window.steady
    assert opened >= 0.8
    assert window.notes == ()


def test_a_trace_that_ends_closes_the_window() -> None:
    calls = [Call(0.1 * number, ttft=0.2, itl=0.02, tokens=11) for number in range(100)]
    seen = Observations(workers=1, began=START)
    conductor = Conductor(plan(None, 1000, rate=10), seen)
    playback, borders = Playback(calls), None
    for step in range(120):
        over = step * 0.1 > calls[-1].due
        seen.take(0, playback.tally(step * 0.1 - 1e-9, step * 0.1 + 0.1 - 1e-9, exhausted=over))
        borders = conductor.decide() or borders
    assert borders is not None
    assert borders[1] == START + int(calls[-1].due * 1e9) + 1


def test_a_trace_that_is_over_before_its_first_answer_is_measured_whole() -> None:
    calls = [Call(0.3 * number, ttft=2.5, itl=0.02, tokens=11) for number in range(5)]
    seen = Observations(workers=1, began=START)
    conductor = Conductor(plan(None, 1000, rate=10), seen)
    playback = Playback(calls)
    for step in range(60):
        over = step * 0.1 > calls[-1].due
        seen.take(0, playback.tally(step * 0.1 - 1e-9, step * 0.1 + 0.1 - 1e-9, exhausted=over))
        conductor.decide()
    window = conductor.window()
    assert begun_in(window, calls) == 5
    assert not window.steady
    assert "all of it is measured" in window.notes[0]


def test_progress_speaks_of_the_phase_under_way() -> None:
    calls = closed_loop(8, 30, ttft=0.2, itl=0.02, tokens=41)
    seen = Observations(workers=1, began=START)
    conductor = Conductor(plan(), seen)
    playback, phases = Playback(calls), []
    for step in range(60):
        seen.take(0, playback.tally(step * 0.1, step * 0.1 + 0.1))
        conductor.decide()
        if step % 10 == 9:
            progress = conductor.progress()
            phases.append(progress.phase)
            if step > 20:
                assert progress.output_throughput == pytest.approx(8 * 41, rel=0.15)
                assert progress.ttft == pytest.approx(0.2)
            assert progress.done <= progress.planned
    assert phases[0] == "warming"
    assert phases[-1] == "measuring"


def begun_in(window: Window, calls: Sequence[Call]) -> int:
    opened, closed = seconds(window)
    return sum(opened <= call.due < closed for call in calls)


def noisy_calls(spread: float) -> list[Call]:
    rng = np.random.default_rng(1)
    noise = np.frompyfunc(lambda at: float(rng.lognormal(0, spread)), 1, 1)
    return closed_loop(8, 110, ttft=0.2, itl=0.02, tokens=41, speed=noise)


def test_a_level_ends_early_once_its_deciding_metric_is_known() -> None:
    wanted = {"precision": 0.05, "deciding": "e2e_latency_mean"}
    quiet = noisy_calls(0.02)
    assert 20 <= begun_in(conducted(plan(requests=400, **wanted), quiet).window(), quiet) < 150
    loud = noisy_calls(0.6)
    assert begun_in(conducted(plan(requests=400, **wanted), loud).window(), loud) > 150


def test_a_level_goes_on_while_its_deciding_metric_is_not_known() -> None:
    loud = noisy_calls(0.6)
    asked = plan(requests=40, precision=0.01, deciding="e2e_latency_p90", most_requests=120)
    assert begun_in(conducted(asked, loud).window(), loud) == 120


def test_a_throughput_may_be_what_decides() -> None:
    quiet = noisy_calls(0.02)
    asked = plan(requests=400, precision=0.05, deciding="total_throughput_per_gpu")
    assert begun_in(conducted(asked, quiet).window(), quiet) < 200


def test_a_probe_ends_once_it_is_certain_which_slos_hold() -> None:
    calls = noisy_calls(0.02)
    longest = max(call.end - call.due for call in calls if not call.opening)
    for bound in (longest / 4, longest * 4):
        asked = plan(requests=400, settle_slos=True).model_copy(
            update={"thresholds": {"e2e_latency_p90": bound}}
        )
        assert 20 <= begun_in(conducted(asked, calls).window(), calls) < 150
    near = sorted(call.end - call.due for call in calls if not call.opening)
    asked = plan(requests=200, settle_slos=True).model_copy(
        update={"thresholds": {"e2e_latency_p90": near[int(0.9 * len(near))]}}
    )
    assert begun_in(conducted(asked, calls).window(), calls) > 100
