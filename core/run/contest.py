"""The best of a search against the defaults on fresh launches, in turns: whose turn it is. Pure.

The defaults and every contender take turns, A-B-A-B, until each has three launches. Where the
leader's gain is not proved by then, the leader and the defaults go on to five, then to seven. A
contender that breaks a hard SLO by more than the noise, or crashes, is out at once, and the
next best of the search takes its place. Where none keeps the SLOs by more than the noise, others
are brought in; only then is the best of those in doubt launched more often, as is one that would
be much better than the winner. The leader is then loaded for long before it is handed back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from core.events import Confirmation, Experiment, Origin
from core.task import DEFAULTS, Configuration, ConfirmationRules, Objective, Slo, maximised
from core.verdict.confirmation import Candidate, confirm, unconfirmed
from core.verdict.margin import Scatter, counts, held, scatter, standing

MOST_BLAMELESS = 2
"""Launches of one contender that may fail for a reason of the machine before it is given up."""


MOST_BROUGHT_IN = 3
"""Contenders that are brought in where all are within the noise of an SLO's bound."""


WORTH_ANOTHER_LOOK = 0.02
"""By how much one in doubt has to be better than the winner to be launched again, as a share."""


@dataclass(frozen=True)
class Turn:
    """Whose turn it is."""

    configuration: Configuration
    origin: Origin
    reason: str


@dataclass(frozen=True)
class Stage:
    """One look: who has to be launched for it, or what it shows."""

    look: int
    """Launches of each side."""
    lacking: list[Configuration]
    """Those that have fewer."""
    found: Confirmation | None

    @property
    def in_doubt(self) -> bool:
        """Whether even the leader keeps the hard SLOs by no more than the noise."""
        chosen = None if self.found is None else self.found.chosen
        return chosen is not None and bool(chosen.reasons)


@dataclass(frozen=True)
class Contest:
    """A confirmation as it stands."""

    objective: Objective
    rules: ConfirmationRules
    contenders: int
    """How many of the best take part at once."""
    pool: Sequence[Experiment]
    """What may take part, the best first."""
    defaults: Experiment | None
    """The baseline, where it was measured."""
    runs: Sequence[Experiment]
    """The fresh launches that are over, in order."""
    soaks: Sequence[Experiment] = ()
    resolution: float = 0.0
    """How closely the objective can be told at all, as a share."""
    slo: Slo | None = None

    def next(self, affords: Callable[[int], bool]) -> Turn | None:
        """Return whose turn it is; None: nothing more has to, or can, be measured.

        Args:
            affords: says whether so many launches can be paid for.
        """
        stage = self._walk(self._standing)[-1]
        if not stage.lacking:
            return self._soak(stage.found, affords)
        missing = sum(stage.look - self._count(arm) for arm in stage.lacking)
        # A look that cannot be finished is not begun.
        return self._turn(stage) if affords(missing) else None

    def outcome(self, fallback: int | None) -> Confirmation:
        """Return what has been proved.

        Args:
            fallback: the best as the search saw it, for where nothing was measured anew.
        """
        found = [stage.found for stage in self._walk(self._seasoned) if stage.found is not None]
        if self._seasoned and found:
            return found[-1]
        if not self._taking_part:
            return unconfirmed(fallback, "the budget leaves no room for fresh launches")
        rest = self._proved({})
        if rest.status in {"infeasible", "defaults"}:
            return rest
        update = {"status": "unconfirmed", "reason": self._too_few(), "winner": fallback}
        return rest.model_copy(update=update)

    def _walk(self, queue: Sequence[Configuration]) -> list[Stage]:
        """Return the looks one after another, up to the first whose launches are not all made.

        At each, what later launches show does not count yet: looking whenever it suits would find
        what is not there.

        Args:
            queue: who may take part, the best first.
        """
        stages: list[Stage] = []
        shown: dict[Configuration, int] = {}
        arms = list(queue[: self.contenders])
        for look in self.rules.repeats:
            stage = self._stage(look, arms, shown)
            while not stages and stage.in_doubt:
                more = self._brought_in(queue, arms)
                if more is None:
                    break
                arms.append(more)
                stage = self._stage(look, arms, shown)
            stages.append(stage)
            found = stage.found
            if found is None or found.winner is None:
                break
            open_question = found.status == "indistinct" or stage.in_doubt
            arms = [self._arm(found.winner)] if open_question else []
            if (rival := self._in_question(found)) is not None:
                arms.append(rival)
            if not arms:
                break
        return stages

    def _in_question(self, found: Confirmation) -> Configuration | None:
        """Return the first in doubt that would be so much better than the winner."""
        chosen = found.chosen
        if chosen is None or chosen.value is None or chosen.reasons:
            return None
        for rival in found.contenders:
            if rival.feasible and rival.reasons and rival.value is not None:
                ratio = rival.value / chosen.value
                better = ratio - 1 if maximised(self.objective) else 1 - ratio
                if better > WORTH_ANOTHER_LOOK:
                    return rival.configuration
        return None

    def _stage(
        self, look: int, arms: Sequence[Configuration], shown: dict[Configuration, int]
    ) -> Stage:
        asked = self._with_defaults(arms)
        shown |= dict.fromkeys(asked, look)
        lacking = [arm for arm in asked if self._count(arm) < look]
        return Stage(look, lacking, None if lacking else self._proved(shown))

    def _brought_in(
        self, queue: Sequence[Configuration], arms: Sequence[Configuration]
    ) -> Configuration | None:
        """Return who else may keep the SLOs clearly: the best that did when it was searched."""
        rest = [arm for arm in queue if arm not in arms]
        if self.slo is None or len(arms) >= self.contenders + MOST_BROUGHT_IN:
            return None
        known = scatter([self._fresh(arm) for arm in self._with_defaults(arms)], self.slo)
        searched = {e.configuration: e for e in self.pool}
        clear = (a for a in rest if standing([searched[a]], self.slo, known).kind == "clear")
        return next(clear, None)

    @property
    def entrants(self) -> list[Configuration]:
        """Those whose turn it may be: the defaults, where they are wanted, and the best."""
        return self._with_defaults(self._standing[: self.contenders])

    @property
    def lost(self) -> bool:
        """Whether every contender that there was is out."""
        return bool(self.pool) and not self._standing

    @property
    def defaults_fail(self) -> bool:
        """Whether the defaults are no way out: there are none, or they are not clearly feasible.

        False while they have not been launched often enough.
        """
        if self.defaults is None or self._out(DEFAULTS):
            return True
        runs = self._fresh(DEFAULTS)
        known = len(runs) >= self.rules.repeats[0]
        return known and standing(runs, self.slo, self._scatter).kind != "clear"

    @property
    def undecided(self) -> bool:
        """Whether none of those that were launched often enough clearly keeps the SLOs."""
        return bool(self._seasoned) and self.doubtful.issuperset(self._seasoned)

    @cached_property
    def doubtful(self) -> set[Configuration]:
        """The contenders that are within the noise of an SLO's bound after all their launches."""
        return {
            arm
            for arm in self._seasoned
            if standing(self._fresh(arm), self.slo, self._scatter).kind == "doubtful"
        }

    def broke(self, configuration: Configuration) -> Experiment | None:
        """Return the first fresh launch on which a contender broke an SLO or failed, or None."""
        made = (e for e in (*self.runs, *self.soaks) if e.configuration == configuration)
        return next((e for e in made if counts(e) and not held(e)), None)

    @cached_property
    def fallen(self) -> set[Configuration]:
        """Those that are out, the defaults among them."""
        arms = {DEFAULTS, *(e.configuration for e in self.pool)}
        return {arm for arm in arms if self._out(arm)}

    def _out(self, configuration: Configuration) -> bool:
        made = [e for e in (*self.runs, *self.soaks) if e.configuration == configuration]
        told = [e for e in made if counts(e)]
        if len(made) - len(told) > MOST_BLAMELESS:
            return True
        stands = standing(told, self.slo, self._scatter)
        # What breaks an SLO under load for long has to keep it clearly all in all.
        tired = not all(held(e) for e in told if e.origin == "soak")
        return stands.kind == "broken" or (tired and stands.kind != "clear")

    @cached_property
    def _scatter(self) -> dict[str, Scatter]:
        arms = {e.configuration for e in self.runs}
        return scatter([self._fresh(arm) for arm in arms], self.slo) if self.slo else {}

    @cached_property
    def _standing(self) -> list[Configuration]:
        return [e.configuration for e in self.pool if e.configuration not in self.fallen]

    def _with_defaults(self, arms: Sequence[Configuration]) -> list[Configuration]:
        # Where all contenders are out, it is left to the defaults.
        wanted = self.pool and self.defaults is not None and not self._out(DEFAULTS)
        return [DEFAULTS, *arms] if wanted else list(arms)

    def _fresh(self, configuration: Configuration) -> list[Experiment]:
        return [e for e in self.runs if e.configuration == configuration and counts(e)]

    def _count(self, configuration: Configuration) -> int:
        return len(self._fresh(configuration))

    def _turn(self, stage: Stage) -> Turn:
        arm = min(stage.lacking, key=self._count)
        again = bool(self.runs) and self.runs[-1].configuration == arm
        between = again and self.defaults is not None and not self._out(DEFAULTS)
        if between and arm != DEFAULTS and self._count(DEFAULTS) < self.rules.repeats[-1]:
            arm = DEFAULTS  # so that a late contender does not run without the defaults in between
        who = "the defaults" if arm == DEFAULTS else f"experiment {self._number(arm)}"
        return Turn(arm, "confirmation", f"{who} anew, {self._count(arm) + 1} of {stage.look}")

    @cached_property
    def _seasoned(self) -> list[Configuration]:
        """The contenders that stand and were measured often enough to be compared."""
        return [arm for arm in self._standing if self._count(arm) >= self.rules.repeats[0]]

    @property
    def _taking_part(self) -> list[Experiment]:
        return [e for e in self.pool if any(r.configuration == e.configuration for r in self.runs)]

    def _proved(self, shown: Mapping[Configuration, int]) -> Confirmation:
        """Return what the first so many launches of each prove; of the fallen, all of them."""
        candidates = []
        for entrant in self._taking_part:
            arm = entrant.configuration
            if arm not in self.fallen and shown and arm not in shown:
                continue
            runs = self._fresh(arm)[: shown.get(arm)]
            if arm in self.fallen:
                soaked = [e for e in self.soaks if e.configuration == arm and counts(e)]
                runs = [*self._fresh(arm), *soaked]
            candidates.append(Candidate(entrant.number, arm, tuple(runs), arm in self.fallen))
        defaults = None
        if self.defaults is not None:
            anew = self._fresh(DEFAULTS)[: shown.get(DEFAULTS)]
            defaults = Candidate(self.defaults.number, DEFAULTS, tuple(anew))
        return confirm(
            candidates,
            defaults,
            objective=self.objective,
            threshold=self.rules.minimum_gain,
            least=self.rules.repeats[0],
            resolution=self.resolution,
            slo=self.slo,
        )

    def _soak(self, found: Confirmation | None, affords: Callable[[int], bool]) -> Turn | None:
        if found is None or found.chosen is None or not self.rules.soak:
            return None
        arm = found.chosen.configuration
        made = [e for e in self.soaks if e.configuration == arm]
        if any(map(counts, made)) or len(made) > MOST_BLAMELESS or not affords(1):
            return None
        return Turn(arm, "soak", f"experiment {found.winner} under load for long")

    def _arm(self, number: int) -> Configuration:
        return next(e.configuration for e in self.pool if e.number == number)

    def _number(self, configuration: Configuration) -> int:
        return next(e.number for e in self.pool if e.configuration == configuration)

    def _too_few(self) -> str:
        most = max((self._count(e.configuration) for e in self.pool), default=0)
        least = self.rules.repeats[0]
        return f"the budget leaves room for {most} fresh launches a side; it takes {least}"
