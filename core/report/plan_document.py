"""The plan of a task as one JSON document with stable keys, and as text for a terminal."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, TextIO

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from core.engines.engine import Engine, GpuFacts
from core.engines.model_facts import ModelFacts
from core.errors import HostError
from core.machine.masking import masked
from core.report import figures
from core.report.characters import ascii_only, one_line
from core.report.launch import PORT, launch_command
from core.report.plan import Plan
from core.search import Proposal
from core.task import Choices, Configuration, Frozen, ParameterSpace, Task, spell

_MOST_VALUES = 12


class LeftOut(Frozen):
    """Configurations that are known not to work."""

    reason: str
    count: int
    example: Configuration


class PlannedExperiment(Frozen):
    """What the search will ask for, unless it learns better meanwhile."""

    configuration: Configuration
    reason: str
    gpus: int
    memory: str | None
    """What it needs of each GPU's memory at the least; null where the model is not known."""


class PlannedLaunch(Frozen):
    """A command line."""

    configuration: Configuration
    argv: tuple[str, ...]
    """Secrets masked."""
    command: str
    """The same for a POSIX shell."""


class PlanDocument(Frozen):
    """What a task will come to. Times are seconds."""

    format: Literal["inference-autotuner-plan/1"] = "inference-autotuner-plan/1"
    task: str
    engine: str
    simulated: bool
    model: str
    headline: str
    notices: tuple[str, ...]
    """What was read in a way that may surprise."""
    parameters: dict[str, ParameterSpace]
    combinations: int | None
    """Of all values with one another; null where a range has no steps."""
    looked_at: int
    """How many of them were gone through: all of them, or a sample."""
    distinct: int | None
    """Different command lines that may be launched, about where not all were looked at."""
    repeated: int
    """Combinations, of those looked at, whose command line is another's."""
    left_out: tuple[LeftOut, ...]
    searches: int
    """Configurations that will be searched at most."""
    confirmations: int
    """Launches kept for confirming the best on fresh servers."""
    launches: int
    """All launches, the baseline and its repeats among them."""
    objectives: tuple[str, ...]
    """What is improved; several: their Pareto front is looked for."""
    levels: tuple[str, ...]
    seconds_each: float
    seconds: float
    gpus: int
    """Most GPUs that are needed at a time."""
    gpu_hours: float
    basis: str
    """What the times rest on."""
    first: tuple[PlannedExperiment, ...]
    commands: tuple[PlannedLaunch, ...] | None
    """Every command line that may be launched, where they were asked for; those of `first` where
    not all combinations were looked at."""
    trouble: str | None
    """What keeps this machine from launching any of it; null where nothing does."""


def plan_document(
    task: Task,
    engine: Engine,
    plan: Plan,
    *,
    notices: Sequence[str] = (),
    first: Sequence[Proposal] = (),
    commands: bool = False,
    facts: ModelFacts | None = None,
    gpus: GpuFacts | None = None,
) -> PlanDocument:
    """Return the document of a plan.

    Args:
        task: as it will be run.
        engine: its engine.
        plan: what it comes to.
        notices: what was read in a way that may surprise.
        first: what the search will ask for.
        commands: whether every command line is wanted.
        facts: the model; None where nothing is known of it.
        gpus: what a server may get; None where that is not known.
    """
    survey, estimate = plan.survey, plan.estimate
    # Of more than can be listed, those that come first.
    listed = survey.launchable if survey.whole else [one.configuration for one in first]
    trouble, launches = _launches(task, engine, listed if commands else ())
    return PlanDocument(
        task=task.task_name,
        engine=engine.name,
        simulated=engine.simulated,
        model=task.model.id_or_path,
        headline=plan.headline,
        notices=tuple(notices),
        parameters=task.parameters,
        combinations=survey.combinations,
        looked_at=survey.looked_at,
        distinct=survey.distinct,
        repeated=survey.repeated,
        left_out=tuple(
            LeftOut(reason=skip.reason, count=skip.count, example=skip.example)
            for skip in survey.skipped
        ),
        searches=plan.shares.searches,
        confirmations=plan.shares.confirmations,
        launches=plan.shares.launches,
        objectives=task.optimization.objectives,
        levels=tuple(str(level) for level in task.levels()),
        seconds_each=estimate.experiment,
        seconds=estimate.total,
        gpus=estimate.gpus,
        gpu_hours=estimate.gpu_seconds / 3600,
        basis=estimate.basis,
        first=tuple(
            PlannedExperiment(
                configuration=proposal.configuration,
                reason=proposal.reason,
                gpus=engine.gpus_needed(task, proposal.configuration),
                memory=_memory(task, engine, proposal.configuration, facts, gpus),
            )
            for proposal in first
        ),
        commands=launches if commands else None,
        trouble=trouble,
    )


def _memory(
    task: Task,
    engine: Engine,
    configuration: Configuration,
    facts: ModelFacts | None,
    gpus: GpuFacts | None,
) -> str | None:
    if facts is None or gpus is None:
        return None
    estimate = engine.memory(task, configuration, facts, gpus)
    return None if estimate is None else estimate.text


def _launches(
    task: Task, engine: Engine, configurations: Sequence[Configuration]
) -> tuple[str | None, tuple[PlannedLaunch, ...]]:
    """Return what keeps this machine from a launch, and the command lines all the same."""
    trouble = None
    try:
        engine.command(task, Configuration(), port=PORT)
    except HostError as error:
        trouble = str(error)
        # As in a container, where no program of this machine is looked for.
        task = task.model_copy(update={"deployment_mode": "docker"})
    launches = []
    for configuration in configurations:
        command = engine.command(task, configuration, port=PORT)
        argv = masked(command.argv, command.environment)
        launches.append(
            PlannedLaunch(
                configuration=configuration,
                argv=argv,
                command=launch_command(argv, command.environment),
            )
        )
    return trouble, tuple(launches)


def print_plan(plan: PlanDocument, file: TextIO, *, width: int | None = None) -> None:
    """Print a plan for a person.

    Args:
        plan: what to print.
        file: where to.
        width: columns to fit into; by default the terminal's, or 80 where there is none.
    """
    console = Console(file=file, width=width, highlight=False, markup=False, emoji=False)
    with console.capture() as capture:
        for part in _parts(plan):
            console.print(part)
        for launch in plan.commands or ():
            # Nothing that is to be copied may be broken by the terminal's width.
            console.print(Text(f"# {launch.configuration}\n{launch.command}"), soft_wrap=True)
    text = "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())
    file.write(text if console.encoding.startswith("utf") else ascii_only(text))


def _parts(plan: PlanDocument) -> Iterator[RenderableType]:
    facts = " · ".join(one_line(fact) for fact in (plan.engine, plan.model))
    yield Text.assemble((one_line(plan.task), "bold"), f" · {facts}")
    yield Text(plan.headline, style="bold")
    if len(plan.objectives) > 1:
        yield Text(f"for the Pareto front of {' and '.join(plan.objectives)}")
    yield Text("\nSpace")
    yield _values(plan)
    yield from (Text(line) for line in _counts(plan))
    yield Text("\nExperiments")
    yield from (Text(line) for line in _lengths(plan))
    usual = _usual([one.configuration for one in plan.first if one.configuration])
    beside = ", ".join(f"{name}={value}" for name, value in usual.items() if value != "null")
    yield Text(
        "\nFirst" + f", each with {one_line(beside)} where it says nothing else" * bool(beside)
    )
    yield _first(plan, usual)
    if plan.commands is not None:
        which = "Command lines" if plan.looked_at == plan.combinations else "First command lines"
        yield Text(f"\n{which}; {PORT} stands for the port that each launch gets")


def _values(plan: PlanDocument) -> Table:
    table = Table.grid(padding=(0, 2, 0, 2))
    for name, space in plan.parameters.items():
        table.add_row(one_line(name), one_line(_of(space)))
    return table


def _of(space: ParameterSpace) -> str:
    if isinstance(space, Choices):
        shown = [spell(value) for value in space.values[:_MOST_VALUES]]
        text = ", ".join([*shown, *(["…"] if len(space.values) > _MOST_VALUES else [])]) or "none"
    else:
        step = f" in steps of {space.step:g}" if space.step else ""
        text = f"{space.low:g} to {space.high:g}{step}{', logarithmic' * space.log}"
    waits = [f"{other} is {' or '.join(map(spell, v))}" for other, v in space.when.items()]
    return f"{text}, where {' and '.join(waits)}" if waits else text


def _counts(plan: PlanDocument) -> Iterator[str]:
    if plan.combinations is None:
        yield f"  more combinations than can be counted; {plan.looked_at:,} were looked at"
    elif plan.looked_at < plan.combinations:
        yield f"  {plan.combinations:,} combinations; {plan.looked_at:,} were looked at"
    else:
        yield f"  {_counted(plan.combinations, 'combination')}"
    for left_out in plan.left_out:
        yield f"  {left_out.count:,} left out: {one_line(left_out.reason)}"
        yield f"      such as {one_line(str(left_out.example))}"
    if plan.repeated:
        yield f"  {plan.repeated:,} with the command line of another"
    if plan.distinct is not None:
        about = "" if plan.looked_at == plan.combinations else "about "
        yield f"  {about}{_counted(plan.distinct, 'command line')} to choose from"


def _lengths(plan: PlanDocument) -> Iterator[str]:
    confirmed = f", {plan.confirmations} to confirm the best" if plan.confirmations else ""
    defaults = plan.launches - plan.searches - plan.confirmations
    measured = f", {defaults} of the defaults" if defaults else ""
    yield f"  {_counted(plan.launches, 'launch')}: {plan.searches:,} to search{measured}{confirmed}"
    yield f"  each at {_counted(len(plan.levels), 'load level')}: {', '.join(plan.levels)}"
    yield f"  about {figures.duration(plan.seconds_each)} each, {_in_all(plan)}"
    yield f"  {one_line(plan.basis)}"


def _in_all(plan: PlanDocument) -> str:
    total = f"{figures.duration(plan.seconds)} in all"
    if not plan.gpus:
        return total
    return (
        f"{total}, {figures.number(plan.gpu_hours)} GPU-hours on up to {_counted(plan.gpus, 'GPU')}"
    )


def _usual(configurations: Sequence[Configuration]) -> dict[str, str]:
    """Return the flags that all of several configurations have, as more than half have them."""
    counts = Counter(
        (name, spell(value)) for some in configurations for name, value in some.items()
    )
    enough = max(1, len(configurations) // 2)
    common = {name: value for (name, value), times in counts.items() if times > enough}
    return {name: v for name, v in common.items() if all(name in some for some in configurations)}


def _first(plan: PlanDocument, usual: Mapping[str, str]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 2))
    if not plan.first:
        table.add_row("nothing")
    for number, experiment in enumerate(plan.first):
        memory = f"; {experiment.memory}" if experiment.memory else ""
        asked = experiment.configuration
        own = {name: value for name, value in asked.items() if spell(value) != usual.get(name)}
        shown = "nothing else" if asked and not own else str(Configuration(own))
        text = f"{one_line(shown)} ({one_line(experiment.reason)}{memory})"
        table.add_row(str(number), text)
    return table


def _counted(number: int, thing: str) -> str:
    plural = "es" if thing.endswith("ch") else "s"
    return f"{number:,} {thing}{'' if number == 1 else plural}"
