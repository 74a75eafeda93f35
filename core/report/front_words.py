"""The Pareto front as a table, and how to read it. The same words for every format."""

from collections.abc import Mapping

from core.events import Experiment
from core.report import figures
from core.report.alternatives import Front
from core.report.characters import NOTHING


def tells(found: Front, noise: float) -> bool:
    """Return whether its members differ by more than measuring them twice would.

    Args:
        noise: share of a figure by which two measurements of the same may differ.
    """
    if len(found.members) < 2:
        return False
    columns = zip(*(member.figures for member in found.members), strict=True)
    # Its ends are the luckiest of all that were measured: twice the noise between two.
    return any(max(column) > min(column) * (1 + 2 * noise) for column in columns)


def reading(found: Front) -> str:
    """Return what the front is, and which of it is recommended."""
    both = "both figures" if len(found.metrics) == 2 else "all figures"
    told = f"The Pareto front: each of these is beaten by none in {both} at once."
    if not any(member.launches for member in found.members):
        return told
    return (
        f"{told} The best by the first is recommended. Figures without fresh launches are of the"
        " search, and look a little better than they are."
    )


def titles(found: Front) -> tuple[str, ...]:
    """Return the titles of its columns."""
    told = ("fresh launches",) if any(member.launches for member in found.members) else ()
    return ("#", *map(figures.metric_title, found.metrics), *told, "configuration")


def rows(found: Front, experiments: Mapping[int, Experiment]) -> tuple[tuple[str, ...], ...]:
    """Return a row for each of its members."""
    confirmed = any(member.launches for member in found.members)
    return tuple(
        (
            str(member.experiment),
            *(figures.metric(m, f) for m, f in zip(found.metrics, member.figures, strict=True)),
            *((str(member.launches or NOTHING),) if confirmed else ()),
            str(experiments[member.experiment].configuration),
        )
        for member in found.members
    )
