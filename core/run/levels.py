"""Load levels: in which order they are measured, and when a measurement proves nothing. Pure."""

from collections.abc import Sequence

from core.events import Failure, FailureKind, SubRound
from core.task import Level


def at_load(level: Level, load: float) -> Level:
    """Return the level with a load of this size instead of the largest."""
    if level.largest == "concurrency":
        return Level(scenario=level.scenario, concurrency=max(1, round(load)))
    return Level(scenario=level.scenario, request_rate=load)


def ascending(levels: Sequence[tuple[int, Level]]) -> list[tuple[int, Level]]:
    """Return the levels, each with its index, in the order they are measured.

    Scenario after scenario, the lightest load first: what breaks at one load breaks at the next.
    """
    scenarios = list(dict.fromkeys(level.scenario for _, level in levels))
    return sorted(
        levels,
        key=lambda item: (
            scenarios.index(item[1].scenario),
            item[1].concurrency or 0,
            item[1].request_rate or 0.0,
        ),
    )


def spoiled_by(measured: SubRound) -> Failure | None:
    """Return why the figures prove nothing, or None where they stand."""
    if measured.client is not None and measured.client.bound:
        return Failure(
            kind=FailureKind.CLIENT_BOUND,
            message="the load worker, not the server, set the figures",
            advice="leave the load worker more CPU, or ask for fewer streams",
        )
    if measured.contaminated_by:
        strangers = "; ".join(measured.contaminated_by)
        return Failure(
            kind=FailureKind.ENVIRONMENT, message=f"others computed on its GPUs: {strangers}"
        )
    return None
