"""What fresh launches proved of the configurations that looked best, and of single flags."""

from typing import Literal, TypeAlias

from pydantic import Field

from core.task import Configuration, FlagValue, Frozen


class Gain(Frozen):
    """An improvement over something else that was launched in turns with it, as shares of that."""

    share: float
    """0.25 is a quarter more throughput, or a quarter less latency."""
    low: float
    """Lower end of the 96 % interval, which holds for all that were compared at once."""
    high: float
    """Its upper end."""
    probability: float = Field(ge=0, le=1)
    """Confidence that there is any gain: one minus the p-value, corrected for the choice."""
    noise: float = Field(ge=0)
    """Standard deviation of one measurement, as a share of it."""
    repeats: int
    """Launches of the one that were compared."""
    control: int
    """Launches of the other."""


class Contender(Frozen):
    """A configuration that was measured anew on fresh launches."""

    experiment: int
    """The experiment that the search made of it."""
    configuration: Configuration
    """Its flags."""
    runs: tuple[int, ...]
    """The experiments that measured it anew."""
    value: float | None
    """Geometric mean of the objective over those, in its own unit."""
    feasible: bool
    """Whether every one of them kept the hard SLOs."""
    reasons: tuple[str, ...] = ()
    """What was wrong with those that did not, a phrase each; of one that did, what is near."""
    gain: Gain | None = None
    """Over the defaults, from fresh launches of both. None: it could not be compared."""


ConfirmationStatus: TypeAlias = Literal[
    "better", "indistinct", "worse", "alone", "defaults", "infeasible", "unconfirmed"
]
"""What is known of the winner against the defaults:

better       the interval of its gain is above what was asked for
indistinct   the interval reaches below it: keep the defaults
worse        the interval is below it: keep the defaults
alone        the defaults cannot be compared: they break a hard SLO, cannot run, or are not wanted
defaults     nothing looked better than they do, or nothing that did keeps the hard SLOs: they win
infeasible   neither a contender nor the defaults kept the hard SLOs on fresh launches
unconfirmed  nothing, or too little, was measured anew; `reason` says why
"""


class Confirmation(Frozen):
    """The end of a run's confirmation."""

    status: ConfirmationStatus
    """What fresh launches say of the best against the defaults; `alone`: only the best
    keeps the hard SLOs."""
    reason: str
    """In one sentence."""
    winner: int | None
    """The experiment whose configuration is best by fresh launches alone and kept the hard SLOs on
    each; where nothing was measured anew, the best as the search saw it. None: there is none."""
    threshold: float = 0.0
    """The gain that the interval has to be above."""
    contenders: tuple[Contender, ...] = ()
    """The best first."""
    defaults: Contender | None = None
    """The same of the engine's defaults, without a gain."""

    @property
    def chosen(self) -> Contender | None:
        """The winner as fresh launches saw it."""
        return next((c for c in self.contenders if c.experiment == self.winner), None)


def reached(
    confirmation: Confirmation | None, experiment: int, measured: float | None
) -> float | None:
    """Return what the objective of a configuration comes to, as far as is known.

    Fresh launches say so where there were any: of what a search measured, the best was also lucky.

    Args:
        experiment: the one that the search made of it.
        measured: what that one measured.
    """
    if confirmation is None:
        return measured
    anew = (*confirmation.contenders, *filter(None, [confirmation.defaults]))
    fresh = next((one.value for one in anew if one.experiment == experiment), None)
    return measured if fresh is None else fresh


class FlagEffect(Frozen):
    """What one flag of the winner brings: the winner against itself with that flag reverted."""

    flag: str
    """The flag's name without its dashes."""
    value: FlagValue
    """The winner's."""
    reverted: FlagValue = None
    """What it was set back to; None: the engine's own default."""
    runs: tuple[int, ...]
    """The experiments that measured the reverted configuration."""
    feasible: bool
    """Whether the hard SLOs hold without the flag."""
    gain: Gain | None
    """Of the winner over the reverted one. None: the reverted one could not be measured."""
