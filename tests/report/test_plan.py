"""Counting a space and estimating a run, against spaces that are counted by hand."""

from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engines.registry import ENGINES
from core.report.experience import Experience, experience_of
from core.report.plan import Plan, first_experiments, plan_of, survey
from core.report.plan_document import plan_document, print_plan
from core.report.preflight import prepare
from core.search import Space
from core.search.of_task import space_of
from core.store import Store, Viewer
from core.task import Choices, Configuration, parse_task, spell
from tests.store.histories import TEXT, a_task, began, measured_experiment

TASK = """\
task_name: t
model: {id_or_path: llama-3.1-8b}
base_runtime: simulated
parameters: {page-size: [1, 16], schedule-policy: [fcfs, lpm], tp-size: [1, 2]}
benchmark: {traffic_scenarios: ["D(100,40)"], num_concurrency: [5, 10]}
optimization: {confirmation: false}
"""


def planned(text: str = TASK, experience: Experience | None = None) -> Plan:
    task = parse_task(text).task
    engine = ENGINES[task.base_runtime]
    return plan_of(task, engine, space_of(task, engine), experience)


def space(values: int, *, forbidden: int = 0, same: int = 1) -> Space:
    """As many points; the first `forbidden` are refused, `same` share a command line."""

    def allowed(configuration: Configuration) -> str | None:
        value = configuration["x"]
        assert isinstance(value, int)
        return f"needs {value}.5 GiB too much" if value < forbidden else None

    def command_line(configuration: Configuration) -> str:
        value = configuration["x"]
        assert isinstance(value, int)
        return str(value // same)

    return Space.of({"x": Choices(values=tuple(range(values)))}, command_line, allowed=allowed)


def test_a_space_that_fits_the_budget_is_counted_whole() -> None:
    plan = planned()
    assert plan.survey.combinations == plan.survey.distinct == 8
    assert (plan.shares.searches, plan.shares.launches) == (8, 9)
    assert plan.headline.startswith("8 configurations, about ")
    assert plan.headline.endswith(" on 2 GPUs")


def test_a_budget_below_the_space_is_said() -> None:
    plan = planned(
        TASK.replace(
            "confirmation: false", "max_iterations: 3, baseline: false, confirmation: false"
        )
    )
    assert (plan.shares.searches, plan.shares.launches) == (3, 3)
    assert plan.headline.startswith("3 of 8 configurations, about ")


def test_an_uncountable_space_is_as_large_as_the_budget() -> None:
    text = TASK.replace("tp-size: [1, 2]", "x: {type: continuous, low: 0, high: 1}")
    text = text.replace("simulated", "custom") + "engine: {command: 'x {port} {flags}'}\n"
    plan = planned(text.replace("confirmation: false", "max_iterations: 7"))
    assert plan.survey.combinations is None
    assert plan.survey.distinct is None
    assert plan.shares.searches == 7


def test_a_grid_thins_out_what_a_range_has() -> None:
    text = TASK.replace("[1, 16]", "{type: integer, low: 1, high: 64}")
    plan = planned(text.replace("confirmation: false", "strategy: grid_search"))
    assert plan.survey.combinations == 5 * 2 * 2


@given(st.integers(1, 60), st.integers(0, 60), st.integers(1, 5))
def test_every_combination_is_counted_once(values: int, forbidden: int, same: int) -> None:
    found = survey(space(values, forbidden=forbidden, same=same))
    refused = min(values, forbidden)
    assert sum(skip.count for skip in found.skipped) == refused
    assert len(found.launchable) == len({x // same for x in range(refused, values)})
    assert len(found.launchable) + found.repeated + refused == values
    assert found.whole


def test_reasons_that_differ_in_figures_are_one_reason() -> None:
    (skip,) = survey(space(20, forbidden=12)).skipped
    assert skip.count == 12
    assert skip.reason == "needs 0.5 GiB too much"
    assert skip.example == Configuration({"x": 0})


def test_a_large_space_is_looked_at_in_a_sample() -> None:
    found = survey(space(4000, forbidden=1000), limit=500)
    assert not found.whole
    assert found.looked_at <= 500
    assert found.distinct == pytest.approx(3000, rel=0.1)


def test_a_space_without_values_is_empty() -> None:
    found = survey(Space.of({"x": Choices(values=())}, str))
    assert (found.combinations, found.distinct, found.launchable) == (0, 0, ())


def test_the_estimate_adds_up_what_earlier_runs_took() -> None:
    experience = Experience(10.0, 20.0, 2.0, 30, "simulated", "llama-3.1-8b")
    estimate = planned(experience=experience).estimate
    assert estimate.experiment == 10 + 2 * 20 + 2
    assert estimate.total == 9 * estimate.experiment
    assert estimate.gpus == 2
    assert estimate.gpu_seconds == pytest.approx(estimate.total * 1.5)
    assert "30 earlier experiments of simulated with llama-3.1-8b" in estimate.basis


def test_an_experiment_is_never_longer_than_it_may_be() -> None:
    experience = Experience(100.0, 2000.0, 2.0, 30, "simulated", None)
    text = TASK.replace("confirmation: false", "timeout_per_iteration: 300")
    assert planned(text, experience).estimate.experiment == 302


def test_confirming_the_best_is_counted_in() -> None:
    plain, confirmed = planned(), planned(TASK.replace("confirmation: false", "seed: 1"))
    assert confirmed.shares.confirmations >= 6
    assert confirmed.estimate.total > plain.estimate.total
    assert confirmed.headline.startswith("8 configurations, about ")


def test_experiments_side_by_side_take_less_time_and_no_less_of_the_gpus() -> None:
    one = planned().estimate
    text = TASK.replace("confirmation: false", "confirmation: false, max_parallel_experiments: 2")
    two = planned(text).estimate
    assert two.total == one.total / 2
    assert two.gpus == 2 * one.gpus
    assert two.gpu_seconds == pytest.approx(one.gpu_seconds)


def test_a_budget_of_time_bounds_the_estimate() -> None:
    text = TASK.replace("confirmation: false", "confirmation: false, budget: {time: 30s}")
    estimate = planned(text).estimate
    assert estimate.total == 30
    assert "more than the budget of time" in estimate.basis


def test_more_requests_take_longer() -> None:
    def length(requests: int) -> float:
        text = TASK.replace(
            "benchmark: {", f"benchmark: {{max_requests_per_iteration: {requests}, "
        )
        return planned(text).estimate.experiment

    assert length(50) < length(500) < length(5000)
    assert "no earlier run of simulated" in planned().estimate.basis


def test_the_first_experiments_are_those_of_the_search() -> None:
    task = parse_task(TASK.replace("confirmation: false", "strategy: grid_search")).task
    found = first_experiments(task, space_of(task, ENGINES["simulated"]), 3)
    assert len({proposal.configuration for proposal in found}) == 3
    assert all(set(p.configuration) == set(task.parameters) for p in found)


async def test_experience_comes_from_runs_of_the_engine(tmp_path: Path) -> None:
    path = tmp_path / "home" / "autotuner.db"
    async with Viewer(path) as viewer:
        assert await experience_of(viewer, "simulated", "tiny") is None
        async with Store.open(path) as store:
            kept = await store.create_task(TEXT, a_task())
            await store.record(kept.id, began(), *measured_experiment(0), *measured_experiment(1))
        same = await experience_of(viewer, "simulated", "tiny")
        other = await experience_of(viewer, "simulated", "large")
        assert await experience_of(viewer, "vllm", "tiny") is None
    # As `measured_experiment` has it: two levels of 3 s each.
    assert same == Experience(2.0, 3.0, 1.0, 2, "simulated", "tiny")
    assert other == Experience(2.0, 3.0, 1.0, 2, "simulated", None)


def test_of_more_command_lines_than_can_be_listed_the_first_are_told() -> None:
    text = TASK.replace(
        "page-size: [1, 16]", "mem-fraction-static: {type: continuous, low: 0.5, high: 0.9}"
    )
    task = parse_task(text).task
    engine = ENGINES[task.base_runtime]
    tuned = space_of(task, engine)
    first = first_experiments(task, tuned, 3)
    document = plan_document(task, engine, plan_of(task, engine, tuned), first=first, commands=True)
    assert document.combinations is None
    assert [launch.configuration for launch in document.commands or ()] == [
        proposal.configuration for proposal in first
    ]


def test_the_first_experiments_are_told_by_what_sets_them_apart() -> None:
    text = """\
task_name: planned
model: {id_or_path: org/model}
base_runtime: sglang
parameters: auto
"""
    reading = parse_task(text)
    engine = ENGINES["sglang"]
    found = prepare(reading, engine)
    document = plan_document(
        found.task,
        engine,
        plan_of(found.task, engine, found.space),
        first=first_experiments(found.task, found.space, 5),
    )
    written = StringIO()
    print_plan(document, written, width=500)
    _, first = written.getvalue().split("\nFirst, each with ")
    usual, *rows = first.strip().splitlines()
    assert usual.endswith(" where it says nothing else")
    assert len(rows) == 5
    for row, experiment in zip(rows, document.first, strict=True):
        told = dict(word.split("=") for word in usual.split(" where")[0].split(", "))
        told |= dict(
            word.split("=") for word in row[1:].strip().split(" (")[0].split(", ") if "=" in word
        )
        asked = {name: spell(value) for name, value in experiment.configuration.items()}
        assert {**asked, **told} == asked
        assert set(asked) - set(told) <= {name for name in asked if asked[name] == "null"}
        assert len(row) < len(str(experiment.configuration))
