"""The model-based strategy: what it opens with, what it learns from, and what it says."""

from collections.abc import Mapping, Sequence
from itertools import islice
from math import exp

import numpy as np
import pytest

from core.events import Argument, Experiment, Failure, FailureKind, Outcome, ServerAccount
from core.search import Aim, Proposal, Space, choose
from core.search.acquisition import Incumbent
from core.search.axes import Axis
from core.search.bayesian import ENUMERATED, Bayesian
from core.search.observations import Observations
from core.search.points import Points, Rows
from core.search.surrogate import Encoding, Kernels, Surrogate, Told, steady_targets
from core.task import Choices, Configuration, Optimization, Range, Slo
from core.verdict import judge
from core.verdict.hypervolume import hypervolume
from tests.builders import distribution, experiment, sub_round

PARAMETERS = {
    "batch": Choices(values=(8, 32, 128, 512)),
    "graphs": Choices(values=(None, True)),
    "graph-size": Choices(values=(16, 64), when={"graphs": (True,)}),
    "policy": Choices(values=("fcfs", "lpm", "lof")),
    "chunk": Choices(values=(512, 2048, 8192)),
}
DEFAULTS = {"batch": 32, "policy": "fcfs", "chunk": 2048}
SLO = Slo.model_validate({"ttft": {"p90": {"threshold": 0.5, "hard_fail": True, "fail_ratio": 0}}})
AIM = Aim("maximize_throughput", SLO)


def space(**options: object) -> Space:
    return Space.of(PARAMETERS, lambda c: c.key, DEFAULTS, **options)  # type: ignore[arg-type]


def searching(seed: int = 0, budget: int = 40, **options: object) -> Bayesian:
    return Bayesian(space(), AIM, seed=seed, budget=budget, **options)  # type: ignore[arg-type]


def truth(c: Mapping[str, object]) -> tuple[float, float]:
    """Throughput grows with the batch, and so does TTFT; graphs are good for both."""
    batch = {8: 0, 32: 1, 128: 2, 512: 3}[c.get("batch", 32)]  # type: ignore[index]
    graphs = 0.2 * (c.get("graphs") is True) + 0.1 * (c.get("graph-size") == 64)
    chunk = {512: 0.0, 2048: 0.1, 8192: 0.3}[c.get("chunk", 2048)]  # type: ignore[index]
    throughput = 1000 * exp(0.3 * batch + graphs + 0.05 * (c.get("policy") == "lpm"))
    return throughput, 0.25 * exp(0.35 * batch - graphs + chunk)


def measure(
    number: int, c: Configuration, *, levels: int = 2, outcome: Outcome | None = None
) -> Experiment:
    noise = np.exp(np.random.default_rng(number).normal(0, 0.02, 4))
    throughput, ttft = truth(c)
    rounds = tuple(
        sub_round(
            i,
            throughput=throughput * (1 + 0.2 * i) * noise[i],
            ttft=ttft * (1 + 0.5 * i) * noise[2 + i],
            concurrency=8 * (i + 1),
        )
        for i in range(levels)
    )
    judged = judge(rounds, SLO, AIM.objective, levels=2)
    ended = outcome or (Outcome.OK if judged.feasible else Outcome.INFEASIBLE)
    made = experiment(number, c, outcome=ended, judged=judged if rounds else None)
    return made.model_copy(update={"sub_rounds": rounds})


def crash(number: int, c: Configuration) -> Experiment:
    return measure(number, c, levels=0, outcome=Outcome.FAILED)


def session(search: Bayesian, count: int) -> list[Proposal]:
    search.tell(measure(0, Configuration()))
    asked: list[Proposal] = []
    for number in range(1, count + 1):
        proposal = search.ask()
        assert proposal is not None
        asked.append(proposal)
        search.tell(measure(number, proposal.configuration))
    return asked


def moved(one: Mapping[str, object], other: Mapping[str, object]) -> set[str]:
    return {n for n in PARAMETERS if one.get(n, DEFAULTS.get(n)) != other.get(n, DEFAULTS.get(n))}


@pytest.mark.parametrize("seed", range(6))
def test_the_opening_moves_one_flag_at_a_time(seed: int) -> None:
    tried: list[Mapping[str, object]] = [Configuration()]
    for proposal in session(searching(seed), 5):
        assert proposal.reason.startswith("first look at ")
        flag = proposal.reason.removeprefix("first look at ")
        # `graph-size` brings in the flag that it waits for.
        changes = [moved(proposal.configuration, earlier) for earlier in tried]
        assert any(flag in some and some <= {flag, "graphs", "graph-size"} for some in changes)
        tried.append(proposal.configuration)


def test_the_opening_takes_a_third_of_a_small_budget() -> None:
    asked = session(searching(budget=9), 6)
    assert [p.reason.startswith("first look") for p in asked] == [True] * 3 + [False] * 3


def test_what_a_similar_task_found_best_comes_first() -> None:
    best = Configuration({"batch": 128, "graphs": None, "policy": "lpm", "chunk": 512})
    search = searching(transferred=best)
    search.tell(measure(0, Configuration()))
    proposal = search.ask()
    assert proposal is not None
    assert proposal.configuration == best


def test_where_the_defaults_fail_half_of_the_opening_is_far_from_them() -> None:
    search = searching()
    search.tell(crash(0, Configuration()))
    reasons = []
    for number in range(1, 6):
        proposal = search.ask()
        assert proposal is not None
        reasons.append(proposal.reason.split()[0])
        search.tell(crash(number, proposal.configuration))
    assert reasons == ["first", "far", "first", "far", "first"]


@pytest.mark.parametrize("seed", range(4))
def test_it_finds_the_best_that_holds_the_slos(seed: int) -> None:
    everything = [p for p in space().grid(spread=9) if 1.5 * truth(p)[1] <= 0.5]
    best = max(truth(p)[0] for p in everything)
    found = [p.configuration for p in session(searching(seed), 20)]
    reached = max(truth(c)[0] for c in found if 1.5 * truth(c)[1] <= 0.5)
    assert reached >= 0.98 * best


def test_a_proposal_says_what_is_expected_of_it() -> None:
    last = session(searching(), 9)[-1]
    assert last.reason.startswith("most promising: expected ")
    assert last.reason.endswith(" % sure to hold the SLOs")
    assert last.promise is not None
    assert 0 <= last.promise < 1


def test_promise_fades_as_the_space_is_known() -> None:
    promises = [p.promise for p in session(searching(), 40) if p.promise is not None]
    assert max(promises[-3:]) < 0.1 * max(promises)


def test_while_nothing_holds_the_slos_the_likeliest_is_next() -> None:
    search = Bayesian(space(), Aim("maximize_throughput", SLO), seed=0, budget=9)
    for number, batch in enumerate((512, 128)):
        for chunk in (8192, 2048):
            search.tell(measure(2 * number, Configuration({"batch": batch, "chunk": chunk})))
    proposal = search.ask()
    assert proposal is not None
    assert proposal.reason.startswith("likeliest to hold the SLOs: ")
    assert proposal.promise is None
    assert proposal.configuration["batch"] in {8, 32}


def test_it_keeps_away_from_what_crashes() -> None:
    """The largest batches would be best, were it not for their crashes: a third of the space."""
    crashed = 0
    for seed in range(3):
        search = Bayesian(space(), Aim("maximize_throughput"), seed=seed, budget=31)
        search.tell(measure(0, Configuration()))
        for number in range(1, 31):
            proposal = search.ask()
            assert proposal is not None
            c = proposal.configuration
            failing = c["batch"] == 512 or (c["batch"] == 128 and c["chunk"] == 8192)
            crashed += failing
            search.tell(crash(number, c) if failing else measure(number, c))
    assert crashed <= 3 * 7


def test_levels_before_a_crash_teach() -> None:
    """The first level alone says that graphs are twice as fast; both experiments then failed."""

    def after(levels: int) -> float:
        search = searching(budget=3)
        for number, c in enumerate(islice(space().grid(), 0, 60, 4)):
            known = c["graphs"] is None
            search.tell(
                measure(number, c)
                if known
                else measure(number, c, levels=levels, outcome=Outcome.PRUNED)
            )
        asked = [search.ask() for _ in range(8)]
        return float(np.mean([p.configuration["graphs"] is True for p in asked if p]))

    assert after(levels=1) >= after(levels=0)


def test_what_this_machine_did_wrong_is_not_held_against_a_configuration() -> None:
    def asks(kind: FailureKind | None) -> list[Configuration]:
        search = searching()
        search.tell(measure(0, Configuration()))
        lost = Configuration({"batch": 512, "graphs": None, "policy": "lpm", "chunk": 512})
        failed = crash(1, lost)
        if kind is not None:
            failure = Failure(kind=kind, message="no GPU")
            failed = failed.model_copy(update={"failure": failure})
        search.tell(failed)
        asked = []
        for number in range(2, 14):
            proposal = search.ask()
            assert proposal is not None
            asked.append(proposal.configuration)
            search.tell(measure(number, proposal.configuration))
        assert lost not in asked
        return asked

    assert asks(FailureKind.ENVIRONMENT) != asks(FailureKind.OUT_OF_MEMORY)


def test_parallel_asks_are_different_and_repeatable() -> None:
    def batch() -> list[Configuration]:
        search = searching()
        session(search, 10)
        return [p.configuration for p in (search.ask() for _ in range(4)) if p]

    assert len(set(batch())) == 4
    assert batch() == batch()


def test_what_was_recalled_teaches_and_does_not_count() -> None:
    earlier = [measure(n, p.configuration) for n, p in enumerate(session(searching(seed=9), 25))]
    search = searching()
    search.recall(earlier)
    asked = session(search, 5)
    assert not any(p.reason.startswith("first look") for p in asked)
    # What was measured then may be measured now, and is not yet the best of this task.
    assert {e.configuration for e in earlier} & {p.configuration for p in asked}
    assert asked[0].promise is None
    feasible = [c for c in space().grid() if 1.5 * truth(c)[1] <= 0.5]
    best = max(truth(c)[0] for c in feasible)
    assert max(truth(p.configuration)[0] for p in asked if p.configuration in feasible) > 0.9 * best


def test_a_space_too_large_to_enumerate_is_searched_by_candidates() -> None:
    parameters = {f"p{n}": Choices(values=tuple(range(8))) for n in range(7)}
    search = Bayesian(Space.of(parameters, lambda c: c.key), Aim(), seed=0, budget=40)
    lowest = 99.0
    for number in range(35):
        proposal = search.ask()
        assert proposal is not None
        seconds = 1.0 + 0.1 * sum(abs(int(v) - 5) for v in proposal.configuration.values())  # type: ignore[arg-type]
        lowest = min(lowest, seconds)
        rounds = (sub_round(0, e2e=seconds),)
        judged = judge(rounds, Slo(), "minimize_latency", levels=1)
        made = experiment(number, proposal.configuration, judged=judged)
        search.tell(made.model_copy(update={"sub_rounds": rounds}))
    assert lowest < 1.5


def test_ranges_have_no_more_candidates_than_can_be_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at: list[int] = []

    class Counting(Encoding):
        def __init__(self, axes: Sequence[Axis], rows: Rows) -> None:
            looked_at.append(len(rows))
            super().__init__(axes, rows)

    monkeypatch.setattr("core.search.bayesian.Encoding", Counting)
    parameters = {f"p{n}": Range(type="continuous", low=0.0, high=1.0) for n in range(8)}
    search = Bayesian(Space.of(parameters, lambda c: c.key), Aim(), seed=0, budget=12)
    for number in range(8):
        proposal = search.ask()
        assert proposal is not None
        rounds = (sub_round(0, e2e=1.0 + sum(map(float, proposal.configuration.values()))),)  # type: ignore[arg-type]
        judged = judge(rounds, Slo(), "minimize_latency", levels=1)
        made = experiment(number, proposal.configuration, judged=judged)
        search.tell(made.model_copy(update={"sub_rounds": rounds}))
    assert looked_at
    assert max(looked_at) < 1.2 * ENUMERATED


def test_candidates_are_believed_as_what_was_told_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked up in tables, in single precision, they are where their own distances have them."""
    monkeypatch.setattr("core.search.surrogate._TABLE", 12)
    points = Points(space())
    rows = points.draw(20, np.random.default_rng(0))
    # Some have no second level, and the noise of the levels counts differently.
    told = [measure(n, points.configuration(r), levels=1 + n % 2) for n, r in enumerate(rows)]
    surrogate = Surrogate(Observations.of(points.axes, AIM, told), [], Kernels())
    encoding = Encoding(points.axes, rows)
    for metric, belief in surrogate.beliefs(encoding).items():
        exact = surrogate.metrics[metric].believe_told()
        assert belief.mean == pytest.approx(exact.mean, abs=1e-3)
        assert belief.deviation == pytest.approx(exact.deviation, rel=1e-2, abs=1e-4)


SIZES = (8, 16, 32, 64, 128, 256)


@pytest.mark.parametrize(
    ("ttfts", "believed"),
    [((0.3, 0.36, 0.45, 0.6, 0.8, 1.0), True), ((0.65, 0.62, 0.66, 0.499, 0.65, 0.63), False)],
)
def test_a_lucky_measurement_among_misses_is_not_the_best_so_far(
    ttfts: tuple[float, ...], believed: bool
) -> None:
    told = [edge(n, size, t) for n, (size, t) in enumerate(zip(SIZES, ttfts, strict=True))]
    assert any(e.outcome is Outcome.OK for e in told)
    assert (incumbent(told) is not None) == believed


def edge(number: int, size: int, ttft: float) -> Experiment:
    rounds = (sub_round(0, throughput=100.0 * size**0.5, ttft=ttft),)
    judged = judge(rounds, SLO, AIM.objective, levels=1)
    ended = Outcome.OK if judged.feasible else Outcome.INFEASIBLE
    made = experiment(number, Configuration({"size": size}), outcome=ended, judged=judged)
    return made.model_copy(update={"sub_rounds": rounds})


def incumbent(told: list[Experiment]) -> Incumbent | None:
    axes = Points(Space.of({"size": Choices(values=SIZES)}, lambda c: c.key)).axes
    return Incumbent.of(Surrogate(Observations.of(axes, AIM, told), [], Kernels()))


@pytest.mark.parametrize("strategy", ["bayesian", "tpe"])
def test_two_objectives_come_near_their_front(strategy: str) -> None:
    """Throughput against TTFT: of the front's hypervolume, most is found in 25 experiments."""
    objectives = ("maximize_throughput", "minimize_ttft_p90")
    optimization = Optimization.model_validate(
        {"strategy": strategy, "objective": objectives, "max_iterations": 25, "seed": 1}
    )
    asked = choose(optimization, space(), Slo())
    points = [np.log(truth(c)) * (-1, 1) for c in space().grid(spread=1)]
    reference = np.max(points, axis=0) + 0.1
    told = measure(0, Configuration())
    found = []
    for number in range(1, 26):
        rejudged = judge(told.sub_rounds, Slo(), objectives[0], levels=2, also=objectives[1:])
        asked.tell(told.model_copy(update={"verdict": rejudged, "outcome": Outcome.OK}))
        found.append(np.log(truth(told.configuration)) * (-1, 1))
        proposal = asked.ask()
        assert proposal is not None
        told = measure(number, proposal.configuration)
    share = hypervolume(np.array(found), reference) / hypervolume(np.array(points), reference)
    assert share > (0.99 if strategy == "bayesian" else 0.93)


@pytest.mark.parametrize("seed", range(6))
def test_the_opening_starts_from_what_the_server_says_it_runs_with(seed: int) -> None:
    runs = {"batch": 512, "policy": "lof", "chunk": 8192}
    parameters = {name: PARAMETERS[name] for name in runs}
    told = tuple(Argument(flag=name, in_force=value) for name, value in runs.items())
    search = Bayesian(Space.of(parameters, lambda c: c.key), AIM, seed=seed, budget=40)
    baseline = measure(0, Configuration())
    search.tell(baseline.model_copy(update={"in_force": ServerAccount(arguments=told)}))
    proposal = search.ask()
    assert proposal is not None
    flag = proposal.reason.removeprefix("first look at ")
    assert {n for n, v in proposal.configuration.items() if v != runs[n]} == {flag}


def tails() -> tuple[tuple[Axis, ...], Aim, list[Experiment], list[float]]:
    """Means without any pattern; tails 1.5 times as long, or 4.5 where the policy is `lof`.

    Returns axes, aim, what is told, and what the tails truly are, as logarithms.
    """
    rng = np.random.default_rng(5)
    slo = Slo.model_validate({"ttft": {"p99": {"threshold": 9.0, "hard_fail": True}}})
    parameters = {
        "size": Choices(values=tuple(range(12))),
        "policy": Choices(values=("fcfs", "lof")),
    }
    points = Points(Space.of(parameters, lambda c: c.key))
    told, true = [], []
    for number, c in enumerate(points.space.grid()):
        mean = float(np.exp(rng.normal(0.0, 0.5)))
        true.append(np.log(mean * (4.5 if c["policy"] == "lof" else 1.5)))
        ttft = distribution(mean, p99=float(np.exp(true[-1] + rng.normal(0.0, 0.1))))
        rounds = (sub_round(0).model_copy(update={"ttft": ttft}),)
        judged = judge(rounds, slo, "maximize_throughput", levels=1)
        made = experiment(number, c, judged=judged)
        told.append(made.model_copy(update={"sub_rounds": rounds}))
    return points.axes, Aim("maximize_throughput", slo), told, true


def test_a_tail_is_steadied_by_the_mean_beside_it() -> None:
    axes, aim, told, true = tails()
    observations = Observations.of(axes, aim, told)
    places = Told(axes, observations.places)
    found = steady_targets(observations, metric="ttft_p99", told=places, kernels=Kernels())
    without_noise = found.shift + found.scale * found.standard
    measured = observations.figures["ttft_p99"]
    assert np.std(without_noise[:, 0] - true) < 0.6 * np.std(measured[:, 0] - true)


def test_a_resumed_search_has_the_kernels_that_it_had() -> None:
    axes, aim, told, _ = tails()
    whole = Kernels()
    for count in range(1, 24):  # from twenty on, every third is fitted to
        live = Surrogate(Observations.of(axes, aim, told[:count]), [], whole)
    resumed = Surrogate(Observations.of(axes, aim, told[:23]), [], Kernels())
    for metric, model in live.metrics.items():
        assert resumed.metrics[metric].kernel.noise == model.kernel.noise
        assert resumed.metrics[metric].kernel.weights.tolist() == model.kernel.weights.tolist()
