"""Effects against known truths: the right sign, intervals that cover, and no effect of nulls."""

import math
import random
from itertools import product

import pytest

from core.events import Experiment
from core.report import findings, wording
from core.search import Space
from core.search.effects import local_effects
from core.task import Choices, Configuration, FlagValue
from core.verdict.effects import Effect, Interaction, fresh_effect, inseparable, with_fresh
from core.verdict.repeats import pooled_noise
from tests.builders import experiment, sub_round, verdict
from tests.report.served import served

PARAMETERS: dict[str, tuple[FlagValue, ...]] = {
    "switch": (False, True),
    "pages": (1, 16, 64),
    "kind": ("x", "y", "z"),
    "null kind": ("p", "q"),
    "null share": (0.8, 0.88, 0.95),
}
SEEDS = 200


class Planted:
    """A space with main effects, at times an interaction, and two parameters that do nothing."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(seed)
        self.switch = rng.choice((-1, 1)) * rng.uniform(0.08, 0.4)
        self.pages = rng.choice((-1, 1)) * rng.uniform(0.08, 0.4)
        self.kind = rng.uniform(0.08, 0.3)
        self.together = rng.choice((0, 0, 1)) * rng.uniform(0.1, 0.3)
        self.rng = rng

    def logarithm(self, values: dict[str, FlagValue]) -> float:
        on = values["switch"] is True
        shares = {1: 0.0, 16: 0.5, 64: 1.0}
        kinds = {"x": 0.0, "y": 1.0, "z": -0.6}
        both = self.together * (on and values["pages"] == 64)
        return (
            self.switch * on
            + self.pages * shares[values["pages"]]  # type: ignore[index]
            + self.kind * kinds[values["kind"]]  # type: ignore[index]
            + both
        )

    def measured(self, values: dict[str, FlagValue], noise: float = 0.02) -> float:
        return math.exp(self.logarithm(values) + self.rng.gauss(0, noise))


@pytest.mark.slow
def test_planted_effects_are_found_and_nulls_are_not() -> None:
    nulls: dict[tuple[int, str], bool] = {}
    covered, signs, found = [], [], []
    for seed in range(SEEDS):
        planted = Planted(seed)
        grid = [dict(zip(PARAMETERS, v, strict=True)) for v in product(*PARAMETERS.values())]
        tried = [(values, planted.measured(values)) for values in planted.rng.sample(grid, 24)]
        made = [
            experiment(number, values, judged=verdict(figure)).model_copy(
                update={"sub_rounds": (sub_round(e2e=figure),)}
            )
            for number, (values, figure) in enumerate(tried)
        ]
        at = min(tried, key=lambda pair: pair[1])[0]
        space = Space.of({k: Choices(values=v) for k, v in PARAMETERS.items()}, lambda c: c.key)
        told = local_effects(space, made, Configuration(at), "e2e_latency_p90")
        for effect in told.effects:
            other = {**at, effect.parameter: effect.value}
            truth = math.expm1(planted.logarithm(other) - planted.logarithm(at))
            if effect.parameter.startswith("null"):
                # A flag is called an effect by any of its values.
                flag = (seed, effect.parameter)
                nulls[flag] = nulls.get(flag, False) or effect.certain
                continue
            covered.append(effect.interval[0] <= truth <= effect.interval[1])
            if abs(truth) > 0.08:
                found.append(effect.certain)
                signs += [effect.change * truth > 0] if effect.certain else []
    assert sum(covered) / len(covered) >= 0.93
    assert sum(nulls.values()) / len(nulls) <= 0.05
    assert sum(found) / len(found) >= 0.9
    assert all(signs)


def fresh(
    rng: random.Random, contenders: int, truth: float, metrics: int = 2, noise: float = 0.02
) -> list[Effect]:
    """A flag of the best of equal contenders, set back on three fresh launches: every metric."""

    def runs(change: float) -> list[list[float]]:
        return [
            [(1 + change) * math.exp(rng.gauss(0, noise)) for _ in range(3)] for _ in range(metrics)
        ]

    arms = [runs(0.0) for _ in range(contenders)]
    reverted, defaults = runs(truth), runs(0.5)
    arms.sort(key=lambda arm: math.prod(arm[0]))
    told = []
    for metric in range(metrics):
        others = [defaults[metric], *(arm[metric] for arm in arms[1:])]
        effect = fresh_effect(
            "f", 1, 2, "ttft_p90",
            recommended=arms[0][metric],
            reverted=reverted[metric],
            noise=pooled_noise(others),
            degrees=2 * len(others),
            chances=metrics * contenders,
        )  # fmt: skip
        assert effect is not None
        told.append(effect)
    return told


@pytest.mark.parametrize("contenders", [1, 3])
def test_a_flag_that_does_nothing_is_hardly_ever_called_an_effect(contenders: int) -> None:
    """The winner was picked for its luck, and every metric is one more chance to be wrong."""
    rng, covered, called, cases = random.Random(contenders), 0, 0, 2000
    for _ in range(cases):
        called += any(effect.proved for effect in fresh(rng, contenders, 0.0))
        truth = rng.uniform(-0.3, 0.3)
        covered += all(e.low <= truth <= e.high for e in fresh(rng, contenders, truth))
    # At most 4 % by the interval; 5 % is two standard errors more.
    assert called / cases <= 0.05
    assert covered / cases >= 0.95


def test_one_launch_a_side_cannot_tell_noise() -> None:
    assert fresh_effect("f", 1, 2, "ttft_p90", recommended=[1.0], reverted=[2.0]) is None
    told = fresh_effect(
        "f", 1, 2, "ttft_p90", recommended=[1.0], reverted=[2.0], noise=0.02, degrees=6
    )
    assert told is not None
    assert told.proved


def effect(flag: str, other: FlagValue, change: float, basis: str = "model") -> Effect:
    return Effect(
        flag=flag,
        value=False,
        other=other,
        metric="e2e_latency_p90",
        change=change,
        low=change - 0.05,
        high=change + 0.05,
        basis=basis,  # type: ignore[arg-type]
        pairs=3 if basis == "fresh" else 0,
    )


def test_fresh_launches_have_the_last_word() -> None:
    told = with_fresh(
        [effect("a", True, 0.1), effect("b", 1, 0.3), effect("b", 2, 0.02)],
        [effect("a", True, 0.41, "fresh")],
    )
    assert [(e.flag, e.other, e.basis) for e in told] == [
        ("a", True, "fresh"), ("b", 1, "model"), ("b", 2, "model"),
    ]  # fmt: skip


def test_an_effect_is_said_as_a_person_would() -> None:
    found = Effect(
        flag="disable-radix-cache",
        value=False,
        other=True,
        metric="e2e_latency_p90",
        change=0.41,
        low=0.29,
        high=0.55,
        basis="fresh",
        pairs=3,
    )
    assert wording.effect(found) == (
        "`disable-radix-cache` true instead of false: E2E P90 +41 % [+29, +55], 3 fresh pairs"
    )


def test_flags_that_always_moved_together_cannot_be_told_apart() -> None:
    moved = [
        {"kv": "auto", "ep": "off", "x": 1},
        {"kv": "fp8", "ep": "on", "x": 1},
        {"kv": "fp8", "ep": "on", "x": 2},
    ]
    assert inseparable(moved, ["kv", "ep", "x"]) == (("kv", "ep"),)
    told = wording.inseparable(("kv", "ep"))
    assert told.startswith("`kv` and `ep` always changed together")
    assert inseparable([*moved, {"kv": "auto", "ep": "on", "x": 1}], ["kv", "ep", "x"]) == ()


PAGES: dict[str, tuple[FlagValue, ...]] = {
    "disable-radix-cache": (False, True),
    "page-size": (1, 16, 64),
    "kind": ("x", "y"),
    "null": ("p", "q", "r"),
}


def searched(seed: int, together: float) -> list[Experiment]:
    """Pages of 64 tokens hurt only with the radix cache off, which costs 30 % by itself."""
    rng = random.Random(seed)
    grid = [dict(zip(PAGES, v, strict=True)) for v in product(*PAGES.values())]
    made = []
    for number, values in enumerate(rng.sample(grid, 24)):
        off = values["disable-radix-cache"] is True
        hurts = off and values["page-size"] == 64
        logarithm = 0.26 * off + 0.1 * (values["kind"] == "y") + together * hurts
        figure = math.exp(logarithm + rng.gauss(0, 0.02))
        made.append(
            experiment(number, values, judged=verdict(figure)).model_copy(
                update={"sub_rounds": (sub_round(e2e=figure),)}
            )
        )
    return made


def test_an_interaction_is_told_where_it_is_and_nowhere_else() -> None:
    space = Space.of({k: Choices(values=v) for k, v in PAGES.items()}, lambda c: c.key)
    planted = {"disable-radix-cache", "page-size"}
    found: list[bool] = []
    for seed in range(20):
        for together in (0.3, 0.0):
            made = searched(seed, together)
            at = min(made, key=lambda e: e.verdict.value or 0.0).configuration  # type: ignore[union-attr]
            told = local_effects(space, made, at, "e2e_latency_p90").interactions
            assert all(together and set(i.parameters) == planted for i in told), told
            found += [bool(told)] if together else []
    assert sum(found) >= 17


def test_an_interaction_is_said_by_the_flag_whose_effect_depends_on_the_other() -> None:
    for turned in (False, True):
        way = -1 if turned else 1
        found = Interaction(
            flags=("page-size", "disable-radix-cache")[::way],  # type: ignore[arg-type]
            values=(1, False)[::way],  # type: ignore[arg-type]
            others=(64, True)[::way],  # type: ignore[arg-type]
            metric="e2e_latency_p90",
            alone=(0.0, 0.3)[::way],  # type: ignore[arg-type]
            together=0.82,
            low=0.2,
            high=0.61,
        )
        assert wording.interaction(found) == (
            "`page-size` 64 instead of 1: E2E P90 +40 % with `disable-radix-cache` true, +0 % with "
            "false: +40 % [+20, +61] beyond what both do alone, from the model"
        )


def test_what_fresh_launches_could_not_measure_has_no_figures_from_the_model() -> None:
    found = findings(served())
    assert [(e.flag, e.gain) for e in found.needed] == [("quantization", None)]
    assert not any((e.flag, e.other) == ("quantization", None) for e in found.effects)


def test_the_report_of_a_run_tells_its_planted_effects() -> None:
    found = findings(served())
    told = {(e.flag, e.other, e.metric): e for e in found.effects}
    radix = told["disable-radix-cache", True, "e2e_latency_p90"]
    assert radix.proved
    assert radix.low <= 1.3 * 1.18 - 1 <= radix.high
    pages = told["page-size", 1, "total_throughput_per_gpu"]
    assert (pages.basis, pages.pairs) == ("fresh", 3)
    assert not pages.proved
    assert not any(e.proved for e in found.effects if e.flag == "attention-backend")
    assert [(e.flag, e.gain) for e in found.needed] == [("quantization", None)]
    assert found.confirmed is not None
    assert found.confirmed.low <= 1.45 * 1.035 - 1 <= found.confirmed.high + 0.01
