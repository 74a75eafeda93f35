"""What every strategy promises, whatever it thinks of."""

from collections import Counter
from importlib.util import find_spec
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import HostError
from core.events import Outcome
from core.search import Proposal, Space, Strategy, choose
from core.task import Choices, Configuration, Optimization, Range
from tests.builders import experiment, verdict

NAMES = ["grid_search", "random", "one_at_a_time", "bayesian", "tpe", "cmaes"]
PARAMETERS = {
    "tp-size": Choices(values=(1, 2, 4)),
    "page-size": Choices(values=(1, 16, 64)),
    "mixed": Choices(values=(True, None)),
    "policy": Choices(values=("fcfs", "lpm")),
}


def spelled(configuration: Configuration) -> str:
    return configuration.key


def strategy(name: str, parameters: dict, seed: int = 0, identity=spelled) -> Strategy:
    space = Space.of(parameters, identity)
    return choose(Optimization(strategy=name, seed=seed, n_initial_random=4), space)


def cost(configuration: Configuration) -> float:
    return sum(len(str(v)) + (v if isinstance(v, int) else 0) for v in configuration.values())


def tell(searching: Strategy, number: int, proposal: Proposal) -> None:
    configuration = proposal.configuration
    if number % 5 == 3:
        searching.tell(experiment(number, configuration, outcome=Outcome.FAILED))
    else:
        score = cost(configuration)
        judged = verdict(score, feasible=number % 3 > 0, violation=float(number % 3 == 0))
        searching.tell(experiment(number, configuration, judged=judged))


def session(searching: Strategy, limit: int) -> list[Configuration]:
    asked = []
    while len(asked) < limit and (proposal := searching.ask()):
        tell(searching, len(asked), proposal)
        asked.append(proposal.configuration)
    return asked


@pytest.mark.parametrize("name", NAMES)
def test_a_finite_space_is_exhausted_without_repetition(name: str) -> None:
    asked = session(strategy(name, PARAMETERS), limit=100)
    assert len(asked) == len(set(asked)) == 36


@pytest.mark.parametrize("name", NAMES)
def test_equal_command_lines_are_one_point(name: str) -> None:
    asked = session(strategy(name, PARAMETERS, identity=lambda c: str(c["tp-size"])), limit=100)
    assert len(asked) == 3


@pytest.mark.parametrize("name", NAMES)
def test_what_was_told_is_not_proposed(name: str) -> None:
    searching = strategy(name, {"tp-size": Choices(values=(1, 2))})
    searching.tell(experiment(0, {"tp-size": 2}, judged=verdict()))
    assert [c["tp-size"] for c in session(searching, limit=9)] == [1]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_asked_for_is_not_asked_for_again(name: str) -> None:
    searching = strategy(name, PARAMETERS)
    asked = [searching.ask() for _ in range(36)]
    assert len({p.configuration for p in asked if p}) == 36
    assert searching.ask() is None


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("end", [0, 3, 11])
def test_a_resumed_search_proposes_what_it_would_have_proposed(name: str, end: int) -> None:
    whole = session(strategy(name, PARAMETERS, seed=7), limit=20)
    resumed = strategy(name, PARAMETERS, seed=7)
    for number, configuration in enumerate(whole[:end]):
        tell(resumed, number, Proposal(configuration=configuration, reason=""))
    proposal = resumed.ask()
    assert proposal is not None
    assert proposal.configuration == whole[end]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("parameters", [{}, {"x": Choices(values=())}])
def test_an_empty_space_has_nothing_to_ask_for(name: str, parameters: dict) -> None:
    assert strategy(name, parameters).ask() is None


@pytest.mark.parametrize("name", NAMES)
def test_telling_a_configuration_outside_the_space_does_no_harm(name: str) -> None:
    searching = strategy(name, PARAMETERS)
    searching.tell(experiment(0, {}, judged=verdict()))
    searching.tell(experiment(1, {"other": 5}, judged=verdict()))
    assert len(session(searching, limit=100)) == 36


@pytest.mark.parametrize("name", NAMES)
def test_ranges_stay_inside_their_bounds(name: str) -> None:
    parameters = {
        "requests": Range(type="integer", low=8, high=256, log=True),
        "memory": Range(type="continuous", low=0.7, high=0.95, step=0.05),
        "ratio": Range(type="continuous", low=0.1, high=1.0),
    }
    for configuration in session(strategy(name, parameters), limit=20):
        requests, memory, ratio = (configuration[flag] for flag in parameters)
        assert isinstance(requests, int)
        assert 8 <= requests <= 256
        assert memory in {0.7, 0.75, 0.8, 0.85, 0.9, 0.95}
        assert isinstance(ratio, float)
        assert 0.1 <= ratio <= 1.0


@pytest.mark.parametrize("name", ["grid_search", "random"])
@pytest.mark.parametrize("seed", range(5))
def test_a_search_cut_short_has_seen_every_value(name: str, seed: int) -> None:
    asked = session(strategy(name, PARAMETERS, seed=seed), limit=12)
    for parameter, choices in PARAMETERS.items():
        seen = Counter(configuration[parameter] for configuration in asked)
        assert set(seen) == set(choices.values)
        assert max(seen.values()) <= 3 * min(seen.values())


@settings(max_examples=25)
@given(st.dictionaries(st.text(min_size=1), st.lists(st.integers(), max_size=4), max_size=4))
def test_the_grid_is_the_product(values: dict) -> None:
    parameters = {name: Choices(values=tuple(items)) for name, items in values.items()}
    expected = 1
    for choices in parameters.values():
        expected *= len(choices.values) or 1
    asked = session(strategy("grid_search", parameters), limit=1000)
    kept = any(choices.values for choices in parameters.values())
    assert len(asked) == (expected if kept else 0)


def test_auto_exhausts_a_space_that_fits_the_budget() -> None:
    assert len(session(strategy("auto", PARAMETERS), limit=100)) == 36


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed")
def test_a_sampler_without_its_package_says_what_to_install() -> None:
    with pytest.raises(HostError, match="needs torch"):
        strategy("gp", PARAMETERS)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_rule_forbids_is_not_proposed(name: str) -> None:
    def rule(configuration: Configuration) -> str | None:
        return "too much memory" if configuration["tp-size"] == 1 else None

    space = Space.of(PARAMETERS, spelled, allowed=rule)
    asked = session(choose(Optimization(strategy=name), space), limit=100)
    assert Counter(c["tp-size"] for c in asked) == {2: 12, 4: 12}


@pytest.mark.parametrize("name", ["bayesian", "tpe", "one_at_a_time"])
def test_a_model_learns(name: str) -> None:
    """It finds the good corner of a space of 4,096 points more often than chance would."""
    axis = Choices(values=tuple(range(8)))
    parameters = dict.fromkeys("abcd", axis)

    def best_of(name: str, seed: int) -> float:
        searching = strategy(name, parameters, seed)
        lowest = float("inf")
        for number in range(40):
            proposal = searching.ask()
            assert proposal is not None
            values = [int(v) for v in proposal.configuration.values()]  # type: ignore[arg-type]
            score = 1.0 + sum((v - 6) ** 2 for v in values)
            lowest = min(lowest, score)
            judged = verdict(score)
            searching.tell(experiment(number, proposal.configuration, judged=judged))
        return lowest

    wins = sum(best_of(name, seed) < best_of("random", seed) for seed in range(7))
    assert wins >= 5


def test_the_grid_thins_out_what_cannot_be_counted() -> None:
    parameters = {"ratio": Range(type="continuous", low=0.0, high=1.0)}
    asked = session(strategy("grid_search", parameters), limit=50)
    assert sorted(c["ratio"] for c in asked) == [0.0, 0.25, 0.5, 0.75, 1.0]  # type: ignore[type-var]


def test_size_of_the_space() -> None:
    assert Space.of(PARAMETERS, spelled).combinations == 36
    endless = {**PARAMETERS, "r": Range(type="continuous", low=0, high=1)}
    assert Space.of(endless, spelled).combinations is None
    assert len(list(islice(Space.of(endless, spelled).grid(), 1000))) == 180
