"""The one sentence: what it says, and what it must not say."""

from copy import copy

import pytest

from core.events import Confirmation, Contender, Gain
from core.report import Conclusion, findings, wording
from core.report.blocks import Words, blocks
from core.task import Configuration, Objective
from tests.report.runs import (
    DEFAULTS,
    OUT_OF_MEMORY,
    RADIX_OFF,
    RADIX_ON,
    SMALL_PAGES,
    TEXT,
    chat_events,
    conclusion,
    measured,
    run_events,
    text_for,
)
from tests.report.served import served

STOPPED = "This is not confirmed: the run ended before anything was launched anew."


def concluded(*experiments: list, text: str = TEXT) -> Conclusion:
    return conclusion(list(run_events(list(experiments), text=text)), text)


def latencies(baseline: float, other: float) -> Conclusion:
    text = text_for("minimize_latency")
    return concluded(
        measured(0, DEFAULTS, text=text, e2e=baseline),
        measured(1, RADIX_ON, text=text, e2e=other),
        text=text,
    )


def test_a_clear_gain_is_stated_with_both_figures() -> None:
    run = conclusion(chat_events())
    assert run.headline == (
        "Experiment 2 is 46.1 % better than the defaults: "
        f"6,574 tok/s/GPU instead of 4,500 tok/s/GPU. {STOPPED}"
    )
    assert run.gain == pytest.approx(0.461)
    assert not run.keep_defaults
    assert run.recommended is run.winner


def test_less_latency_is_a_gain_too() -> None:
    assert latencies(2.0, 1.5).headline.startswith("Experiment 1 is 25.0 % better")


def test_a_gain_within_the_error_of_measuring_is_none() -> None:
    run = latencies(2.0, 1.95)
    assert run.keep_defaults
    assert run.recommended is run.baseline
    assert run.headline.startswith("Keep the defaults: experiment 1 gains +2.5 %")
    assert "within the error" in run.headline


def test_where_nothing_is_better_the_defaults_stay() -> None:
    run = latencies(2.0, 2.5)
    assert run.winner is run.baseline
    assert run.keep_defaults
    assert run.headline == ("Keep the defaults: the one other measured configuration is no better.")


def test_defaults_that_break_the_slos_are_no_alternative() -> None:
    run = concluded(
        measured(0, DEFAULTS, text=TEXT, e2e=8.0, throughput=5000),
        measured(1, RADIX_ON, text=TEXT, e2e=3.0, throughput=4000),
    )
    assert run.headline == (
        "Experiment 1 holds the SLOs, which the defaults break: "
        f"6,000 tok/s/GPU instead of 7,500 tok/s/GPU. {STOPPED}"
    )
    assert not run.keep_defaults


def test_defaults_that_hold_the_slos_when_launched_anew_are_not_said_to_break_them() -> None:
    run = confirmed("better", low=0.07, high=0.13)
    assert run.baseline is not None
    assert run.baseline.verdict is not None
    number = len(run.experiments)
    anew = run.baseline.model_copy(update={"number": number, "origin": "confirmation"})
    broken = run.baseline.verdict.model_copy(update={"feasible": False, "violation": 0.3})
    run.state.experiments[0] = run.baseline.model_copy(update={"verdict": broken})
    run.state.experiments[number] = anew
    assert run.state.confirmation is not None
    assert run.state.confirmation.defaults is not None
    defaults = run.state.confirmation.defaults.model_copy(update={"runs": (number,)})
    run.state.confirmation = run.state.confirmation.model_copy(update={"defaults": defaults})
    again = Conclusion(run.task, run.state)
    assert again.headline.startswith("Experiment 1 is 10.0 % better than the defaults")
    assert not findings(again).defaults_fall_short


def test_a_soft_slo_that_only_the_defaults_break_counts() -> None:
    run = concluded(
        measured(0, DEFAULTS, text=TEXT, e2e=3.0, ttft=0.3),
        measured(1, RADIX_ON, text=TEXT, e2e=3.0, ttft=0.1),
    )
    assert run.gain == 0
    assert not run.keep_defaults
    assert run.headline.startswith("Experiment 1 holds the SLOs, which the defaults break: 1,500")
    nearer = concluded(
        measured(0, DEFAULTS, text=TEXT, e2e=3.0, ttft=0.3),
        measured(1, RADIX_ON, text=TEXT, e2e=3.0, ttft=0.25),
    )
    assert nearer.headline.startswith("Experiment 1 comes closer to the SLOs, which the defaults")


def test_where_nothing_is_feasible_the_nearest_is_named() -> None:
    run = concluded(
        measured(0, DEFAULTS, text=TEXT, e2e=9.0),
        measured(1, RADIX_OFF, text=TEXT, e2e=7.0),
    )
    assert run.winner is None
    assert run.headline.startswith("No configuration holds the SLOs. Experiment 1 is nearest: E2E")
    assert run.gain is None


def test_without_a_baseline_no_gain_is_claimed() -> None:
    run = concluded(
        measured(1, RADIX_ON, text=TEXT, e2e=3.0), measured(2, SMALL_PAGES, text=TEXT, e2e=3.5)
    )
    assert run.headline == (
        f"Experiment 1 is the best: 1,500 tok/s/GPU. No baseline was measured to compare. {STOPPED}"
    )


def test_a_baseline_that_failed_is_said_to_have() -> None:
    run = concluded(
        measured(0, DEFAULTS, text=TEXT, failure=OUT_OF_MEMORY),  # type: ignore[arg-type]
        measured(1, RADIX_ON, text=TEXT, e2e=3.0),
    )
    assert run.headline.endswith(f"The defaults have no figures: out of memory. {STOPPED}")
    assert run.gain is None


def test_nothing_measured_and_nothing_tried() -> None:
    failed = concluded(measured(0, DEFAULTS, text=TEXT, failure=OUT_OF_MEMORY))  # type: ignore[arg-type]
    assert failed.headline == "No configuration could be measured."
    assert concluded().headline == "No experiment was made."


def test_only_what_differs_is_a_parameter_that_varies() -> None:
    text = text_for("minimize_ttft")
    both = {"page-size": 64, "dtype": "half"}
    one = {"page-size": 1, "dtype": "half"}
    run = concluded(measured(1, both, text=text), measured(2, one, text=text), text=text)
    assert run.varied == ("page-size",)
    run = concluded(measured(0, {}, text=text), measured(1, both, text=text), text=text)
    assert run.varied == ("page-size", "dtype")
    run = concluded(measured(1, {"a": 1}, text=text), measured(2, {"a": True}, text=text))
    assert run.varied == ("a",)


def test_what_the_soak_showed_is_said() -> None:
    run = served()
    chosen = run.recommended
    assert chosen is not None
    assert wording.soak(run) == ""

    def soaked(**changes: object) -> Conclusion:
        number = len(run.experiments)
        long = chosen.model_copy(update={"number": number, "origin": "soak", **changes})
        state = copy(run.state)
        state.experiments = {**run.state.experiments, number: long}
        return Conclusion(run.task, state)

    assert wording.soak(soaked()).endswith("it held every SLO.")
    assert chosen.verdict is not None
    broken = tuple(slo.model_copy(update={"broken": True}) for slo in chosen.verdict.slos)
    verdict = chosen.verdict.model_copy(update={"slos": broken})
    assert wording.soak(soaked(verdict=verdict)).endswith("it broke an SLO.")
    assert wording.soak(soaked(configuration=Configuration({"other": 1}))) == ""
    assert any(isinstance(b, Words) and "held every SLO" in b.text for b in report(soaked()))


def test_a_soak_of_one_level_ranks_with_no_full_measurement() -> None:
    run = latencies(2.0, 1.5)
    assert run.winner is not None
    number = len(run.experiments)
    long = run.winner.model_copy(update={"number": number, "origin": "soak"})
    run.state.experiments[number] = long
    assert [e.number for e in Conclusion(run.task, run.state).ranked] == [1, 0, number]


def test_on_a_machine_without_a_gpu_it_is_said_what_per_gpu_means() -> None:
    run = served()
    assert run.per_server == ""
    state = copy(run.state)
    state.hosts = (run.state.hosts[-1].model_copy(update={"gpus": ()}),)
    bare = Conclusion(run.task, state)
    assert bare.per_server == (
        "This machine has no GPU: what is given per GPU is of the whole server."
    )
    found = findings(bare)
    assert found.recommended is not None
    assert ("GPUs", "none") in wording.costs(found.recommended.costs)
    assert any(isinstance(b, Words) and b.text == bare.per_server for b in report(bare))


def report(run: Conclusion) -> list[object]:
    return list(blocks(run, findings(run)))


def test_flags_that_no_budget_was_left_to_set_back_are_told() -> None:
    run = served()
    assert not any("set back" in caution.text for caution in findings(run).cautions)
    state = copy(run.state)
    state.effects = {}
    without = findings(Conclusion(run.task, state))
    [told] = [c.text for c in without.cautions if "set back" in c.text]
    assert "the budget left no room" in told


@pytest.mark.parametrize("objective", ["minimize_latency", "minimize_ttft", "minimize_tpot"])
def test_a_run_that_goes_on_has_a_conclusion_so_far(objective: Objective) -> None:
    text = text_for(objective)
    events = list(run_events([measured(0, DEFAULTS, text=text)], text=text))
    for end in range(len(events) + 1):
        assert conclusion(events[:end], text).headline


def confirmed(status: str, *, low: float, high: float, gain: float = 0.1) -> Conclusion:
    """The two latencies, after both were launched anew."""
    fresh = Contender(
        experiment=1,
        configuration=Configuration(RADIX_ON),
        runs=(1,),
        value=1.8,
        feasible=True,
        gain=Gain(
            share=gain, low=low, high=high, probability=0.98, noise=0.02, repeats=3, control=3
        ),
    )
    defaults = fresh.model_copy(
        update={
            "experiment": 0,
            "configuration": Configuration(DEFAULTS),
            "runs": (0,),
            "value": 2.0,
        }
    )
    run = latencies(2.0, 1.5)
    run.state.confirmation = Confirmation(
        status=status,  # type: ignore[arg-type]
        reason="2 fresh launches a side; it takes 3",
        winner=1,
        contenders=(fresh,),
        defaults=defaults.model_copy(update={"gain": None}),
    )
    return run


def test_a_confirmed_gain_is_the_one_of_fresh_launches_with_its_interval() -> None:
    run = confirmed("better", low=0.07, high=0.13)
    assert run.gain == 0.1
    assert run.headline == (
        "Experiment 1 is 10.0 % better than the defaults (+7.0 % to +13.0 %): "
        "1.80 s instead of 2.00 s, 3 fresh launches against 3."
    )
    assert not run.keep_defaults


def test_a_winner_that_fresh_launches_cannot_tell_from_the_defaults_is_none() -> None:
    run = confirmed("indistinct", low=-0.02, high=0.13, gain=0.05)
    assert run.keep_defaults
    assert run.recommended is run.baseline
    assert run.headline.startswith(
        "Keep the defaults: experiment 1 is not distinguishable from them (-2.0 % to +13.0 %"
    )


def test_a_run_that_was_stopped_says_that_its_gain_is_not_confirmed() -> None:
    assert latencies(2.0, 1.5).headline.endswith(STOPPED)


def test_what_was_not_confirmed_is_no_confirmed_gain() -> None:
    run = confirmed("unconfirmed", low=0.07, high=0.13)
    assert run.confirmed is None
    assert run.headline.startswith("Experiment 1 is 25.0 % better than the defaults")
    assert run.headline.endswith("This is not confirmed: 2 fresh launches a side; it takes 3.")
    assert run.gain == pytest.approx(0.25)
    assert run.state.confirmation is not None
    reason = "ttft_mean is within the noise of 1 s; tpot_p90 is within the noise of 2 s"
    run.state.confirmation = run.state.confirmation.model_copy(update={"reason": reason})
    assert Conclusion(run.task, run.state).unconfirmed == (
        "TTFT mean is within the noise of 1 s; TPOT P90 is within the noise of 2 s"
    )


def fell(best: int | None) -> Conclusion:
    """The contender that was launched anew broke an SLO then, and the run handed back another."""
    run = latencies(2.0, 1.5)
    contender = Contender(
        experiment=1,
        configuration=Configuration(RADIX_ON),
        runs=(1,),
        value=1.6,
        feasible=False,
        reasons=("ttft_mean of 0.4 s is over 0.2 s",),
    )
    run.state.confirmation = Confirmation(
        status="infeasible",
        reason="no contender kept the hard SLOs on fresh launches",
        winner=None,
        contenders=(contender,),
    )
    assert run.state.ended is not None
    run.state.ended = run.state.ended.model_copy(update={"best": best})
    return run


def test_a_best_that_was_never_launched_anew_is_said_to_be_that() -> None:
    said = "it was not launched anew, and what was did not keep the hard SLOs"
    assert fell(1).headline.endswith(f"This is not confirmed: {said}.")
    assert f"not confirmed ({said})" in wording.gain(findings(fell(1)))


def test_where_all_that_looked_better_fell_the_defaults_are_kept_for_that() -> None:
    assert fell(0).headline == (
        "Keep the defaults: no contender kept the hard SLOs on fresh launches."
    )


def test_what_held_the_slos_in_the_search_alone_is_told_with_its_reasons() -> None:
    assert fell(None).headline == (
        "No configuration holds the SLOs. Experiment 1 is nearest: it did in the search, and not "
        "when it was launched anew (TTFT mean of 0.4 s is over 0.2 s)."
    )


def test_a_lucky_figure_of_the_search_is_no_alternative_to_what_fresh_launches_gave() -> None:
    text = text_for("minimize_latency")
    run = concluded(
        measured(0, DEFAULTS, text=text, e2e=2.0, throughput=1000),
        measured(1, RADIX_ON, text=text, e2e=1.5, throughput=1300),
        measured(2, DEFAULTS, text=text, e2e=1.6, throughput=1310),
        measured(3, RADIX_ON, text=text, e2e=1.6, throughput=1270),
        text=text,
    )
    run.state.confirmation = confirmed("indistinct", low=-0.02, high=0.13).confirmation
    assert run.state.confirmation is not None
    [contender], defaults = run.state.confirmation.contenders, run.state.confirmation.defaults
    assert defaults is not None
    run.state.confirmation = run.state.confirmation.model_copy(
        update={
            "contenders": (contender.model_copy(update={"runs": (3,)}),),
            "defaults": defaults.model_copy(update={"runs": (2,)}),
        }
    )
    kept = Conclusion(run.task, run.state)
    assert kept.recommended is kept.baseline
    assert findings(kept).alternatives == ()
