"""What a task asks for, carried into the plans of its levels."""

from typing import Any

import pytest

from core.engines.engine import RequestShape
from core.errors import TaskError
from core.load import LevelPlan, PlanTerms, capacity_plan, level_plan, load_target
from core.task import Task, parse_task

SMALLEST = "task_name: t\nmodel: {id_or_path: m}\nbase_runtime: vllm\n"
TERMS = PlanTerms(index=2, seed=7, deciding="ttft_mean", gpus=4)


def task(benchmark: str, rest: str = "") -> Task:
    return parse_task(f"{SMALLEST}benchmark: {benchmark}\n{rest}").task


def plans(benchmark: str, rest: str = "") -> list[LevelPlan]:
    asked = task(benchmark, rest)
    return [level_plan(asked, level, TERMS) for level in asked.levels()]


def test_rates_come_after_concurrencies_and_alone_where_only_they_are_asked() -> None:
    both = plans("{num_concurrency: [1, 2], request_rate: [3.5]}")
    assert [str(plan.level) for plan in both] == [
        "D(100,100) × 1",
        "D(100,100) × 2",
        "D(100,100) @ 3.5/s",
    ]
    (alone,) = plans("{request_rate: 3.5}")
    assert alone.level.request_rate == 3.5


def test_a_stored_task_has_the_levels_it_had() -> None:
    asked = task("{request_rate: [3.5, 7]}")
    assert Task.model_validate_json(asked.model_dump_json()).levels() == asked.levels()


def test_arrivals_prompts_and_users_are_carried() -> None:
    (plan,) = plans(
        "{request_rate: 4, arrivals: {process: gamma, burstiness: 0.5, ramp: 500ms},"
        " shared_prefix: {prefix_tokens: 64, groups: 3, share: 0.5}}"
    )
    assert (plan.arrivals.process, plan.arrivals.burstiness, plan.arrivals.ramp) == (
        "gamma",
        0.5,
        0.5,
    )
    assert plan.shared_prefix is not None
    assert plan.shared_prefix.groups == 3
    (plan,) = plans("{conversation: {turns: 3, think_time: 2s}}")
    assert plan.conversation is not None
    assert (plan.conversation.turns, plan.conversation.think_time) == (3, 2.0)
    (plan,) = plans("{dataset_url: x.jsonl, dataset_deduplicate: false, dataset_most_mib: 5}")
    assert plan.dataset is not None
    assert (plan.dataset.source, plan.dataset.deduplicate) == ("x.jsonl", False)
    assert plan.dataset.most_mib == 5


def test_a_trace_has_a_level_for_each_speed() -> None:
    asked = plans("{trace: {source: t.csv, speed: [1, 4]}}")
    assert [(plan.trace, plan.level.trace_speed) for plan in asked] == [("t.csv", 1), ("t.csv", 4)]


def test_limits_and_judgement_are_carried() -> None:
    (plan,) = plans(
        "{num_concurrency: 32, max_requests_per_iteration: 10, max_time_per_iteration: 30s,"
        " precision: 0.1, extend_requests_to: 900, gpu_hour_price: 2.5}",
        "slo: {ttft: {p90: 1.5}}\ntimeouts: {warmup: 9, request: 8}",
    )
    assert (plan.index, plan.seed, plan.gpus, plan.deciding) == (2, 7, 4, "ttft_mean")
    assert plan.requests == 128, "four for each one in flight"
    assert (plan.max_seconds, plan.warmup_seconds, plan.request_timeout) == (30, 9, 8)
    assert (plan.precision, plan.most_requests, plan.settle_slos) == (0.1, 900, True)
    assert plan.thresholds == {"ttft_p90": 1.5}
    assert plan.gpu_hour_price == 2.5


def test_a_target_is_asked_as_engine_and_benchmark_say() -> None:
    benchmark = task(
        "{endpoint: chat, api_key_variable: KEY, additional_params: {temperature: '0.5'}}"
    ).benchmark
    shape = RequestShape(length_fields=("max_tokens", "min_tokens"), extras={"ignore_eos": True})
    target = load_target(benchmark, "http://h:1/v1", "m", shape)
    assert (target.base_url, target.endpoint, target.api_key_variable) == (
        "http://h:1",
        "chat",
        "KEY",
    )
    assert target.length_fields == ("max_tokens", "min_tokens")
    assert target.extras == {"ignore_eos": True, "temperature": 0.5}


@pytest.mark.parametrize("objective", ["maximize_goodput", "maximize_load_under_slo"])
def test_the_largest_load_is_searched_once_for_each_scenario(objective: str) -> None:
    asked = task(
        "{traffic_scenarios: ['D(8,8)', 'D(9,9)'], num_concurrency: [1, 2],"
        " load_search: {over: request_rate, first: 2.5, tolerance: 0.1}}",
        f"optimization: {{objective: {objective}}}\nslo: {{ttft: {{p90: 1}}}}",
    )
    first, _ = asked.levels()
    assert str(first) == "D(8,8), largest request rate"
    plan = capacity_plan(asked, first, TERMS, incumbent=4.0)
    assert (plan.first, plan.rules.tolerance, plan.level.index) == (4.0, 0.1, 2)
    assert plan.level.thresholds == {"ttft_p90": 1}


def test_loads_that_are_given_where_the_load_is_searched_are_noticed() -> None:
    text = (
        f"{SMALLEST}benchmark: {{num_concurrency: [4]}}\n"
        "optimization: {objective: maximize_goodput}\nslo: {ttft: {p90: 1}}\n"
    )
    (notice,) = parse_task(text).notices
    assert "num_concurrency: has no effect with maximize_goodput" in notice
    assert parse_task(text.replace("maximize_goodput", "minimize_ttft")).notices == ()


@pytest.mark.parametrize(
    ("benchmark", "rest", "told"),
    [
        ("{}", "optimization: {objective: maximize_goodput}", "needs an SLO"),
        ("{conversation: {turns: 2}, request_rate: 1}", "", "held in closed loop"),
        (
            "{conversation: {turns: 2}, load_search: {over: request_rate}}",
            "optimization: {objective: maximize_goodput}\nslo: {ttft: 1}",
            "held in closed loop",
        ),
        ("{dataset_url: x, shared_prefix: {prefix_tokens: 9}}", "", "give one"),
        ("{conversation: {turns: 1}}", "", "turns: must be at least 2"),
        ("{arrivals: {ramp: soon}}", "", "no length of time"),
        ("{request_rate: 0}", "", "must be above 0"),
        ("{trace: {speed: 2}}", "", "trace.source: is missing"),
        ("{precision: 1.5}", "", "precision"),
    ],
)
def test_what_does_not_go_together_is_told(benchmark: str, rest: str, told: str) -> None:
    with pytest.raises(TaskError, match=told):
        task(benchmark, rest)


def test_a_level_is_of_one_kind() -> None:
    for more in ({}, {"concurrency": 1, "largest": "concurrency"}, {"trace_speed": 1.0}):
        level: dict[str, Any] = {"scenario": "D(8,8)", **more}
        with pytest.raises(ValueError):
            LevelPlan.model_validate({"index": 0, "level": level, "requests": 1, "max_seconds": 1})
