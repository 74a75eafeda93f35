"""Effects at the recommended configuration, of metrics whose true effects are known."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from math import exp

import numpy as np
import pytest

from core.events import Experiment, Outcome
from core.search import Space
from core.search.effects import LocalEffects, local_effects
from core.task import Choices, Configuration
from tests.builders import experiment, sub_round

SPACE = Space.of(
    {
        "batch": Choices(values=(8, 32, 128)),
        "graphs": Choices(values=(True, None)),
        "policy": Choices(values=("fcfs", "lpm")),
        "idle": Choices(values=(1, 2, 3)),
    },
    lambda configuration: configuration.key,
)
BEST = Configuration({"batch": 128, "graphs": True, "policy": "lpm", "idle": 2})


def latency(c: Mapping[str, object]) -> float:
    """`batch` −10 % a step, graphs off +25 %, `fcfs` +5 %, `idle` nothing."""
    steps = {8: 2, 32: 1, 128: 0}[c["batch"]]  # type: ignore[index]
    return 2.0 * exp(0.1 * steps + 0.22 * (c["graphs"] is None) + 0.05 * (c["policy"] == "fcfs"))


def measured(
    number: int, configuration: Configuration, *seconds: float, outcome: Outcome = Outcome.OK
) -> Experiment:
    rounds = [sub_round(i, e2e=s, concurrency=4 * (i + 1)) for i, s in enumerate(seconds)]
    made = experiment(number, configuration, outcome=outcome)
    return made.model_copy(update={"sub_rounds": tuple(rounds)})


def everything() -> list[Configuration]:
    return [
        Configuration(dict(zip(SPACE.parameters, v, strict=True)))
        for v in product(
            *(space.values for space in SPACE.parameters.values())  # type: ignore[union-attr]
        )
    ]


def history(
    count: int, truth: Callable[[Mapping[str, object]], float] = latency, seed: int = 0
) -> list[Experiment]:
    """What a search leaves behind: half of it around the best, with 2 % noise."""
    rng = np.random.default_rng(seed)
    near = [c for c in everything() if sum(c[n] != BEST[n] for n in c) <= 1]
    pool = everything()
    chosen = [
        (near if number % 2 else pool)[rng.integers(len(near if number % 2 else pool))]
        for number in range(count)
    ]
    return [
        measured(n, c, *(truth(c) * level * exp(rng.normal(0, 0.02)) for level in (1.0, 1.5)))
        for n, c in enumerate(chosen)
    ]


def found(experiments: Sequence[Experiment], level: int | None = None) -> LocalEffects:
    return local_effects(SPACE, experiments, BEST, "e2e_latency_mean", level)


@pytest.mark.parametrize("level", [None, 0, 1])
def test_each_effect_is_what_it_truly_is(level: int | None) -> None:
    inside: list[bool] = []
    errors: list[float] = []
    for seed in range(8):
        effects = found(history(30, seed=seed), level).effects
        assert len(effects) == 2 + 1 + 1 + 2
        assert effects[0].certain
        for effect in effects:
            there = BEST | {effect.parameter: effect.value}
            true = latency(there) / latency(BEST) - 1
            errors.append(abs(effect.change - true))
            assert effect.instead_of == BEST[effect.parameter]
            inside.append(effect.interval[0] <= true <= effect.interval[1])
    assert np.mean(inside) > 0.9
    assert np.median(errors) < 0.012
    assert max(errors) < 0.06


def test_a_flag_without_an_effect_is_seldom_given_one() -> None:
    idle = [
        e
        for seed in range(12)
        for e in found(history(24, seed=seed)).effects
        if e.parameter == "idle"
    ]
    assert sum(effect.certain for effect in idle) <= 1


def test_where_the_search_went_is_no_effect() -> None:
    """`idle` 3 was tried only where graphs are off: its group is 25 % worse, its effect nil."""
    experiments = [
        e
        for e in history(60)
        if (e.configuration["idle"] == 3) == (e.configuration["graphs"] is None)
        or e.configuration == BEST | {"graphs": None}
    ]
    effect = next(e for e in found(experiments).effects if (e.parameter, e.value) == ("idle", 3))
    assert abs(effect.change) < 0.1
    assert not effect.certain


def test_what_always_moved_together_is_said_to_be_inseparable() -> None:
    experiments = [
        e
        for e in history(60)
        if (e.configuration["graphs"] is None) == (e.configuration["policy"] == "fcfs")
    ]
    effects = found(experiments)
    assert effects.inseparable == (("graphs", "policy"),)
    graphs = next(e for e in effects.effects if e.parameter == "graphs")
    assert graphs.inseparable_from == ("policy",)


def test_two_changes_that_only_hurt_together_are_an_interaction() -> None:
    def truth(c: Mapping[str, object]) -> float:
        return 2.0 * exp(0.5 * (c["graphs"] is None and c["policy"] == "fcfs"))

    first, *_ = found(history(50, truth)).interactions
    assert set(first.parameters) == {"graphs", "policy"}
    assert first.change == pytest.approx(exp(0.5) - 1, abs=0.15)
    assert not found(history(50)).interactions


def test_little_data_is_said_to_be_little() -> None:
    effects = found(history(4))
    assert effects.effects == ()
    assert effects.lacking == "only 4 experiments measured it, and a model needs 5"


def test_a_parameter_that_never_moved_has_no_effect() -> None:
    effects = found([e for e in history(60) if e.configuration["policy"] == "lpm"])
    assert effects.unmoved == ("policy",)
    assert {e.parameter for e in effects.effects} == {"batch", "graphs", "idle"}
    still = found([measured(n, BEST, 1.0, 1.0) for n in range(9)])
    assert still.lacking == "no parameter was ever changed"


def test_failed_and_foreign_experiments_teach_nothing() -> None:
    experiments = history(30)
    odd = [
        measured(90, BEST, outcome=Outcome.FAILED),
        measured(91, Configuration({"other": 1}), 99.0, 99.0),
    ]
    assert found([*experiments, *odd]) == found(experiments)


def test_a_value_that_was_never_tried_says_so() -> None:
    experiments = [e for e in history(60) if e.configuration["batch"] != 32]
    effect = next(e for e in found(experiments).effects if e.value == 32)
    assert effect.tried == 0
    assert effect.change == pytest.approx(exp(0.1) - 1, abs=0.1)


def test_the_baseline_can_be_what_is_recommended() -> None:
    effects = local_effects(SPACE, history(30), Configuration(), "e2e_latency_mean")
    assert {e.instead_of for e in effects.effects} == {None}
