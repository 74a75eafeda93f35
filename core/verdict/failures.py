"""Failed experiments in groups, by what failed, with what the members of a group share. Pure.

A group is held against the experiments that got past where its members failed: those that broke an
SLO against those that held all, those that never served against those that were measured.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

from core.events import Experiment, Failure, FailureKind, Outcome, SloVerdict
from core.task import Configuration, FlagValue, Frozen
from core.verdict.traits import Trait, Values, traits

GroupKind: TypeAlias = Literal[
    "slo",
    "incomplete",
    "bad_flags",
    "out_of_memory",
    "crashed",
    "start_timeout",
    "warmup_timeout",
    "measure_timeout",
    "request_errors",
    "client_bound",
    "environment",
]
"""`slo`: a hard SLO is broken. `incomplete`: not every load level could be measured. The others are
the kinds of failure."""

_Key: TypeAlias = tuple[GroupKind, str]

_TOLD_APART_BY_MESSAGE = {FailureKind.BAD_FLAGS, FailureKind.CRASHED, FailureKind.ENVIRONMENT}
"""Kinds whose members may have nothing to do with one another."""

_TOLD_APART_IF_IT_HELPS = {
    "out_of_memory",
    "start_timeout",
    "warmup_timeout",
    "measure_timeout",
    "request_errors",
}
"""Kinds whose members are one group, unless they share nothing and those of one message do."""


class FailureCase(Frozen):
    """One experiment that failed."""

    experiment: int
    """Its number."""
    message: str
    """What happened: in one sentence, or empty for an SLO, whose figures say it."""
    evidence: str = ""
    """The line of the log that proves it."""
    actual: float | None = None
    """The worst level's figure of the SLO, in seconds."""
    excess: float | None = None
    """By how much it is over the threshold, as a share of it."""
    sub_round: int | None = None
    """Index of that level."""
    lasted: float | None = None
    """Seconds from the launch to the failure."""


class FailureGroup(Frozen):
    """Experiments that failed alike."""

    kind: GroupKind
    """How they failed: `slo` for a broken hard SLO, `incomplete` for a level without figures,
    else a kind of failure."""
    metric: str | None = None
    """Which metric the broken SLO bounds; empty for other kinds."""
    threshold: float | None = None
    """Of the broken SLO, in seconds; None for other kinds."""
    cases: tuple[FailureCase, ...]
    """One for each experiment, by number."""
    configurations: int
    """Distinct ones among the cases."""
    successes: tuple[int, ...]
    """Experiments that the group is held against."""
    traits: tuple[Trait, ...]
    """What the cases share and the successes lack, the most telling first."""
    unranked: tuple[str, ...] = ()
    """Flags that differ among those that broke an SLO with a single case for each value or nearly
    so: which value is worse cannot be said."""
    advice: tuple[str, ...] = ()
    """What to try, as the failures themselves say; each once."""


def failure_groups(
    experiments: Sequence[Experiment], defaults: Mapping[str, FlagValue]
) -> tuple[FailureGroup, ...]:
    """Return the groups, the largest first.

    Args:
        experiments: all of a run.
        defaults: what the engine assumes for flags that are left out, where that is known.
    """
    varied = varied_flags(experiments)

    def values(configuration: Configuration) -> Values:
        return {flag: configuration.get(flag, defaults.get(flag)) for flag in varied}

    groups: dict[_Key, list[FailureCase]] = {}
    for experiment in experiments:
        for key, case in _cases(experiment):
            groups.setdefault(key, []).append(case)
    by_number = {experiment.number: experiment for experiment in experiments}
    found: list[FailureGroup] = []
    for key, cases in groups.items():
        whole = _group(key, cases, by_number, values)
        parts = [_group(key, part, by_number, values) for part in _by_message(whole)]
        found += parts if any(part.traits for part in parts) else [whole]
    return tuple(sorted(found, key=lambda group: (-len(group.cases), group.cases[0].experiment)))


def _by_message(group: FailureGroup) -> list[list[FailureCase]]:
    """Return the parts of a group whose members share nothing, where it may be taken apart."""
    if group.traits or group.kind not in _TOLD_APART_IF_IT_HELPS:
        return []
    parts: dict[str, list[FailureCase]] = {}
    for case in group.cases:
        parts.setdefault(_without_figures(case.message), []).append(case)
    return [*parts.values()] if len(parts) > 1 else []


def varied_flags(experiments: Sequence[Experiment]) -> tuple[str, ...]:
    """Return the flags that not all experiments have in common, in their order."""
    configurations = [experiment.configuration for experiment in experiments]

    def differs(flag: str) -> bool:
        # By what is written: 1, 1.0 and true are three different values of a flag.
        return len({(flag in c, repr(c.get(flag))) for c in configurations}) > 1

    flags = dict.fromkeys(flag for c in configurations for flag in c)
    return tuple(flag for flag in flags if differs(flag))


def _cases(experiment: Experiment) -> list[tuple[_Key, FailureCase]]:
    """Return the cases an experiment is, each with the key of its group."""
    if experiment.outcome is Outcome.FAILED and experiment.failure is not None:
        failure = experiment.failure
        case = FailureCase(
            experiment=experiment.number,
            message=failure.message,
            evidence=failure.evidence,
            lasted=sum(experiment.spent.values()) or None,
        )
        return [((failure.kind.value, _likeness(failure)), case)]
    if experiment.outcome not in {Outcome.INFEASIBLE, Outcome.PRUNED} or not experiment.verdict:
        return []
    broken = [slo for slo in experiment.verdict.slos if slo.broken]
    if broken:
        return [(("slo", slo.metric), _slo_case(experiment, slo)) for slo in broken]
    if experiment.outcome is Outcome.PRUNED:
        return []
    why = "; ".join(experiment.verdict.reasons)
    return [(("incomplete", ""), FailureCase(experiment=experiment.number, message=why))]


def _slo_case(experiment: Experiment, slo: SloVerdict) -> FailureCase:
    return FailureCase(
        experiment=experiment.number,
        message="" if slo.actual is not None else f"{slo.metric} could not be measured",
        actual=slo.actual,
        excess=None if slo.actual is None else slo.violation,
        sub_round=slo.sub_round,
    )


def _likeness(failure: Failure) -> str:
    """Return what two failures of one kind have to share to be one group."""
    if failure.kind not in _TOLD_APART_BY_MESSAGE:
        return ""
    return _without_figures(failure.message)


def _without_figures(text: str) -> str:
    return re.sub(r"\d+(\.\d+)?", "#", text)


def _group(
    key: _Key,
    cases: Sequence[FailureCase],
    by_number: Mapping[int, Experiment],
    values: Callable[[Configuration], Values],
) -> FailureGroup:
    kind, metric = key
    members = [by_number[case.experiment] for case in cases]
    failed = dict.fromkeys(experiment.configuration for experiment in members)
    passed = [e for e in by_number.values() if _passed(e, kind) and e.configuration not in failed]
    slo = next(
        (s for e in members if e.verdict for s in e.verdict.slos if s.metric == metric), None
    )
    advice = (e.failure.advice for e in members if e.failure is not None)
    return FailureGroup(
        kind=kind,
        metric=metric if kind == "slo" else None,
        threshold=slo.threshold if slo is not None and kind == "slo" else None,
        cases=tuple(cases),
        configurations=len(failed),
        successes=tuple(e.number for e in passed),
        traits=traits(
            [values(configuration) for configuration in failed],
            [
                values(configuration)
                for configuration in dict.fromkeys(e.configuration for e in passed)
            ],
        ),
        unranked=_unranked([values(c) for c in failed]) if kind == "slo" else (),
        advice=tuple(dict.fromkeys(text for text in advice if text)),
    )


def _passed(experiment: Experiment, kind: GroupKind) -> bool:
    """Return whether an experiment got past the point where a group failed."""
    if kind in {"slo", "incomplete"}:
        return experiment.outcome is Outcome.OK
    return experiment.outcome in {Outcome.OK, Outcome.INFEASIBLE, Outcome.PRUNED}


def _unranked(failed: Sequence[Values]) -> tuple[str, ...]:
    """Return the flags that differ among failures without any value standing in two of each."""
    if len(failed) < 2:
        return ()
    flags = []
    for flag in failed[0]:
        counts: dict[str, int] = {}
        for values in failed:
            counts[repr(values[flag])] = counts.get(repr(values[flag]), 0) + 1
        if len(counts) > 1 and sum(count > 1 for count in counts.values()) < 2:
            flags.append(flag)
    return tuple(flags)
