"""Failures in groups: alike by kind, and apart where that is what they have in common."""

from core.events import Experiment, Failure, FailureKind, Outcome
from core.report import wording
from core.verdict.failures import failure_groups
from tests.builders import experiment, sub_round

KV, GRAPHS = "no memory was left for the KV cache", "the GPU ran out of memory"


def ok(number: int, **values: object) -> Experiment:
    return experiment(number, values).model_copy(update={"sub_rounds": (sub_round(),)})


def failed(number: int, kind: FailureKind, message: str, **values: object) -> Experiment:
    return experiment(number, values, outcome=Outcome.FAILED).model_copy(
        update={"failure": Failure(kind=kind, message=message, advice="try another")}
    )


def test_what_shares_a_cause_is_one_group_whatever_the_message() -> None:
    runs = [failed(n, FailureKind.OUT_OF_MEMORY, (KV, GRAPHS)[n % 2], mem=0.95) for n in range(4)]
    [group] = failure_groups([*runs, *(ok(4 + n, mem=0.8) for n in range(4))], {})
    assert [case.experiment for case in group.cases] == [0, 1, 2, 3]
    assert wording.group_name(group) == "out of memory"


def test_what_shares_nothing_is_taken_apart_by_what_happened() -> None:
    memory = FailureKind.OUT_OF_MEMORY
    runs = [failed(n, memory, KV, mem="low", graphs="few", x=n) for n in range(3)]
    runs += [failed(3 + n, memory, GRAPHS, mem="high", graphs="many", x=n) for n in range(3)]
    good = [ok(6 + n, mem="high", graphs="few", x=n) for n in range(3)]
    first, second = failure_groups([*runs, *good], {})
    assert {wording.group_name(g) for g in (first, second)} == {f"out of memory: {KV}", GRAPHS}
    assert [t.conditions[0].flag for g in (first, second) for t in g.traits] == ["mem", "graphs"]
    assert wording.group_findings(first)[0] == (
        "`mem` low: all 3 failures have it, none of the 3 successes has it (lift 2.0, p = 0.05, "
        "exact test; 7 traits were tried: a suspicion, not a proof)."
    )


def test_where_taking_apart_explains_nothing_either_they_stay_together() -> None:
    memory = FailureKind.OUT_OF_MEMORY
    runs = [failed(n, memory, (KV, GRAPHS)[n % 2], x=n // 2) for n in range(4)]
    [group] = failure_groups([*runs, *(ok(4 + n, x=n, y=1) for n in range(2))], {})
    assert len(group.cases) == 4


def test_two_failures_are_both() -> None:
    runs = [failed(n, FailureKind.CRASHED, "it crashed", spec=True, x=n) for n in range(2)]
    [group] = failure_groups([*runs, ok(2, spec=False, x=0), ok(3, spec=False, x=1)], {})
    assert wording.group_findings(group)[0].startswith(
        "`spec` true: both failures have it, neither of the 2 successes has it (lift 2.0, p = 0.17"
    )


def test_what_is_proved_to_be_to_blame_is_to_be_avoided() -> None:
    memory = FailureKind.OUT_OF_MEMORY
    grid = [(m, b, x) for m in (0.8, 0.95) for b in (64, 512) for x in range(3)]
    runs = [
        failed(n, memory, KV, mem=m, batch=b, x=x)
        if (m, b) == (0.95, 512)
        else ok(n, mem=m, batch=b, x=x)
        for n, (m, b, x) in enumerate([*grid, *((m, b, 9) for m, b, x in grid if x == 0)])
    ]
    [group] = failure_groups(runs, {})
    assert wording.advice(group) == "avoid `mem` 0.95 together with `batch` 512; try another"
