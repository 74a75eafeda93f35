"""The task: everything the user asks for, as one immutable document.

Each field says its unit and default. The names are those of the task files that people have.
"""

import re
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, field_validator, model_validator

from core.task.configuration import FlagValue
from core.task.dimensions import ParallelConfig, QuantConfig
from core.task.durations import Minutes, Seconds
from core.task.expectation import Expectation
from core.task.frozen import Section
from core.task.objective import LOAD_OBJECTIVES, Objective, objective_metric
from core.task.slo import Slo
from core.task.space import ParameterSpace, condition_mistakes
from core.task.traffic import Level, Scenario
from core.task.workload import (
    Arrivals,
    Conversation,
    Dataset,
    LoadSearchRules,
    SharedPrefix,
    Trace,
    one_or_many,
)

MergeRule: TypeAlias = Literal["union", "intersection", "last_wins"]

StrategyName: TypeAlias = Literal[
    "auto", "bayesian", "grid_search", "random", "one_at_a_time", "tpe", "cmaes", "gp"
]

_SAMPLING_NUMBERS = {
    "temperature", "top_p", "min_p", "presence_penalty", "frequency_penalty", "repetition_penalty",
}  # fmt: skip

_STRATEGY_SYNONYMS = {"grid": "grid_search", "random_search": "random"}


def _whole_scenarios(raw: Any) -> Any:
    """Mend what a YAML list without quotes does to `[D(100,50), D(8,8)]`: split inside brackets."""
    items = one_or_many(raw)
    if not all(isinstance(item, str) for item in items):
        return items
    return re.split(r",(?![^(]*\))", ",".join(items))


class Model(Section):
    """The model to serve."""

    id_or_path: str = Field(min_length=1)
    """A local path, or the id that the engine knows the model by; `name` in older files."""

    @model_validator(mode="before")
    @classmethod
    def _older_name(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and "name" in raw and "id_or_path" not in raw:
            return {("id_or_path" if key == "name" else key): v for key, v in raw.items()}
        return raw


class Engine(Section):
    """How to reach the engine on this machine. All of it may be left out."""

    executable: str | None = None
    """The engine's program, or the Python interpreter it is installed in. None: the one on PATH."""
    command: str | tuple[str, ...] | None = None
    """The launch command of a `custom` engine, with {port}, {model} and {flags} in it."""
    arguments: dict[str, FlagValue] = Field(default_factory=dict)
    """Flags that every launch gets, the baseline too. They are not tuned."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Environment variables of the server, beside the inherited ones."""


class GpuRules(Section):
    """Which GPUs servers may have."""

    only: tuple[int | str, ...] = ()
    """Indices or UUIDs of those that may be used; empty: all of the machine."""
    minimum_free_share: float = Field(default=0.9, ge=0, le=1)
    """Least free memory of a GPU that is used, as a share of its total."""
    share: bool = False
    """Whether to use GPUs on which somebody else computes, too. The figures will show it."""


class Mount(Section):
    """A folder of this machine in the container."""

    source: str
    target: str
    read_only: bool = True


class Container(Section):
    """What servers run in with `deployment_mode: docker`."""

    image: str | None = None
    """Name and tag. None: the engine's own image."""
    mounts: tuple[Mount, ...] = ()
    """Folders beside the model's own, which is mounted at the same path, and read-only."""
    shm_size_gib: float = Field(default=16.0, gt=0)
    """Size of /dev/shm, in GiB."""
    ipc: Literal["private", "host"] = "private"
    """Whether it shares this machine's memory segments."""


class Timeouts(Section):
    """How long each phase of an experiment may take; the defaults are generous."""

    lease: Seconds = 600.0
    """Waiting for GPUs that another run has, in seconds."""
    start: Seconds = 3600.0
    """From launch until the server answers, in seconds."""
    warmup: Seconds = 600.0
    """The warm-up of one load level, in seconds. The first requests may compile kernels."""
    request: Seconds = 600.0
    """One request, in seconds. A request that takes longer counts as failed."""
    stop: Seconds = 60.0
    """From asking the server to end until its processes are killed, in seconds."""


class Budget(Section):
    """What a run may cost at most, beside `max_iterations`; whatever is spent first ends it.

    At least a third of it is kept for confirming the winner, where it is large enough for that.
    """

    experiments: int | None = Field(default=None, ge=1)
    """Launches altogether: the baseline, its repeats and the confirmation count, too."""
    time: Minutes | None = None
    """Running time. A bare number means minutes; `90m` and `8h` work too."""
    gpu_hours: float | None = Field(default=None, gt=0)
    """Hours of all launches, times their GPUs."""


class ConfirmationRules(Section):
    """How the best are measured anew at the end, in turns with the engine's defaults."""

    enabled: bool = True
    """Whether they are. Otherwise no gain is called confirmed."""
    contenders: int | None = Field(default=None, ge=1, le=8)
    """How many of the best. None: as many as the launches kept for it
    suffice for: one for a search of 8, three from 18 on, five from 54 on."""
    repeats: tuple[Annotated[int, Field(ge=2)], ...] = Field(default=(3, 5, 7), min_length=1)
    """Launches of each side after which is looked whether the gain is proved; the further ones
    are made of the leader alone, while its interval reaches below the gain that is asked for."""
    minimum_gain: float = Field(default=0.0, ge=0, lt=1)
    """Gain that has to be proved to call a winner better, as a share: 0.02 is 2 %."""
    soak: float = Field(default=5.0, ge=0)
    """How many times as long as usual the winner is loaded at its heaviest level before it is
    handed back; memory that runs out late shows there. 0: not at all."""

    @field_validator("repeats")
    @classmethod
    def _ascending(cls, repeats: tuple[int, ...]) -> tuple[int, ...]:
        if list(repeats) != sorted(set(repeats)):
            raise ValueError("have to ascend, as [3, 5, 7] do")
        return repeats


def _a_number_or_auto(raw: Any) -> Any:
    whole = isinstance(raw, int) and not isinstance(raw, bool)
    if raw == "auto" or (whole and raw >= 1):
        return raw
    raise ValueError(f"must be `auto` or a whole number from 1, not {raw}")


def _enabled(raw: Any) -> Any:
    """Read `confirmation: false` as a section."""
    return {"enabled": raw} if isinstance(raw, bool) else raw


class Optimization(Section):
    """How to search."""

    strategy: StrategyName = "auto"
    """`auto` is `bayesian`: a model of everything measured, which exhausts a space that fits the
    budget. `tpe`, `cmaes` and `gp` are optuna's samplers; `gp` needs torch."""
    objective: Objective = "minimize_latency"
    """What to improve while the SLOs hold. Throughput is total tokens per second and GPU; goodput
    is requests per second and GPU that hold every SLO, at the largest load that holds them. Any
    other metric, as `minimize_e2e_latency_p90`, `minimize_energy_per_token`; or a list of two or
    three, for what none beats in all of them: the first says what is recommended."""
    also: tuple[Objective, ...] = Field(default=(), max_length=2)
    """The objectives after the first, where there are several."""
    max_iterations: int = Field(default=100, ge=1, le=1_000_000)
    """Most configurations to try, in experiments, beside the baseline."""
    timeout_per_iteration: Seconds = 7200.0
    """Longest time for one experiment from launch to its last load level, in seconds."""
    n_initial_random: int = Field(default=5, ge=0, le=1_000_000)
    """Random configurations before a model-based strategy trusts its model."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of everything random."""
    baseline: bool = True
    """Whether experiment 0 measures the engine's defaults."""
    baseline_every: int = Field(default=10, ge=0)
    """Searched experiments after which the defaults are measured again, which shows noise and
    drift; 0: never."""
    budget: Budget = Budget()
    max_parallel_experiments: Annotated[int | str, BeforeValidator(_a_number_or_auto)] = 1
    """Searched experiments at a time, each on GPUs of its own; `auto`: as many as GPUs and two CPUs
    for each allow. What confirms goes alone, and without GPUs it is always one at a time."""
    early_stop: float = Field(default=0.002, ge=0, lt=1)
    """The search ends when, after 12 experiments, it expects to gain less than this share three
    times in a row; 0: it does not. Strategies without a model know no such expectation."""
    pruning: bool = True
    """Whether an experiment is stopped once a hard SLO is broken for good or it can no longer win.
    The first ten, and whatever confirms, are measured in full."""
    confirmation: Annotated[ConfirmationRules, BeforeValidator(_enabled)] = ConfirmationRules()
    """How the winner is confirmed; `false`: not at all."""
    warm_start: bool | str = False
    """Whether the search begins with the best of the newest earlier run of the same engine and
    model on equal GPUs; or the run to begin with, as `quickstart#2`."""
    reverts: int = Field(default=3, ge=0)
    """How many of the winner's flags are set back one at a time, three launches each, to measure
    what each brings, where a tenth of the budget is left for it; 0: none. After a short search
    the confirmation leaves nothing, unless `budget.experiments` allows more launches."""

    @model_validator(mode="before")
    @classmethod
    def _several_objectives(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and isinstance(named := raw.get("objective"), list | tuple):
            if not 1 <= len(named) <= 3 or raw.get("also"):
                raise ValueError("objective takes one name, or a list of two or three")
            return {**raw, "objective": named[0], "also": tuple(named[1:])}
        return raw

    @model_validator(mode="after")
    def _objectives_differ(self) -> Self:
        if late := [objective for objective in self.also if objective in LOAD_OBJECTIVES]:
            raise ValueError(f"of several objectives, {late[0]} has to be the first")
        if len({objective_metric(objective) for objective in self.objectives}) < 1 + len(self.also):
            raise ValueError("two of the objectives improve the same metric")
        if self.also and self.strategy == "cmaes":
            raise ValueError(
                "cmaes knows one objective; `bayesian`, `tpe` and `gp` know several, and what"
                " models nothing (`grid`, `random`, `one_at_a_time`) does with any"
            )
        return self

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """All of them, the first one first."""
        return (self.objective, *self.also)

    @field_validator("strategy", mode="before")
    @classmethod
    def _synonyms(cls, raw: Any) -> Any:
        return _STRATEGY_SYNONYMS.get(raw, raw) if isinstance(raw, str) else raw


class Benchmark(Section):
    """How to load the server."""

    task: Literal["text-to-text"] = "text-to-text"
    """The kind of requests."""
    endpoint: Literal["completions", "chat"] = "completions"
    """Which OpenAI endpoint is asked."""
    model_name: str | None = None
    """The model's name in requests. None: what the server itself reports."""
    traffic_scenarios: Annotated[tuple[Scenario, ...], BeforeValidator(_whole_scenarios)] = Field(
        default=(Scenario.model_validate("D(100,100)"),), min_length=1
    )
    """Prompt and answer lengths, in tokens: D(in,out), N(μ,σ)/(μ,σ), U(a,b)/(c,d), or `dataset` for
    those of `dataset_url`."""
    num_concurrency: Annotated[
        tuple[Annotated[int, Field(ge=1, le=100_000)], ...], BeforeValidator(one_or_many)
    ] = (1,)
    """Requests in flight at all times, one load level for each number. Where it is left out beside
    a `request_rate` or a `trace`, there is no such level."""
    request_rate: Annotated[
        tuple[Annotated[float, Field(gt=0, le=100_000)], ...], BeforeValidator(one_or_many)
    ] = ()
    """Requests per second, whether or not the server keeps up; one load level for each number."""
    arrivals: Arrivals = Arrivals()
    """How requests arrive at a request rate."""
    trace: Trace | None = None
    """A recording to replay, one load level for each of its speeds."""
    shared_prefix: SharedPrefix | None = None
    """Beginnings that prompts share. None: no two prompts begin alike, and no cache helps."""
    dataset_url: str | None = Field(default=None, min_length=1)
    """A file of prompts, instead of random ones: a path, or an http(s) URL. ShareGPT-form JSON,
    JSON lines, CSV or plain lines, packed or not."""
    dataset_deduplicate: bool = True
    """Whether a prompt that comes twice in the file is sent once."""
    dataset_most_mib: int = Field(default=1024, ge=1)
    """Largest file that is fetched or unpacked, in MiB."""
    conversation: Conversation | None = None
    """Whether each request in flight is a user who asks on, with all that was said before."""
    load_search: LoadSearchRules = LoadSearchRules()
    """How the largest load is searched, with `maximize_goodput` or `maximize_load_under_slo`."""
    api_key_variable: str | None = Field(default=None, min_length=1)
    """Environment variable that holds the key which requests carry. The key stays out of files."""
    gpu_hour_price: float | None = Field(default=None, ge=0)
    """What one GPU costs for an hour, in any currency, for the cost of a million tokens."""
    max_time_per_iteration: Minutes = 600.0
    """Longest time for one load level. A bare number means minutes; `90s` and `2m` work too."""
    max_requests_per_iteration: int = Field(default=50, ge=1, le=10_000_000)
    """Measured requests at one load level; never fewer than four times its concurrency."""
    precision: float | None = Field(default=None, gt=0, lt=1)
    """A level ends early once half the 95 % interval of the objective's metric is at most this
    share of it, and it is certain which SLOs hold. None: every level has all its requests."""
    extend_requests_to: int | None = Field(default=None, ge=1)
    """Measured requests up to which a level goes on that has not reached `precision` by then."""
    max_error_rate: float = Field(default=0.05, gt=0, le=1)
    """Share of failed requests at which a load level counts as failed."""
    additional_params: dict[str, Any] = Field(default_factory=dict)
    """Fields laid over every request's body: `temperature`, `ignore_eos`, …"""

    @model_validator(mode="before")
    @classmethod
    def _only_what_is_asked(cls, raw: Any) -> Any:
        """Add no closed loop to an open one."""
        if isinstance(raw, dict) and (raw.get("request_rate") or raw.get("trace")):
            return {"num_concurrency": (), **raw}
        return raw

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not (self.num_concurrency or self.request_rate or self.trace):
            raise ValueError("no load level: give num_concurrency, request_rate or a trace")
        if self.dataset_url is None and any(s.shape == "dataset" for s in self.traffic_scenarios):
            raise ValueError("the scenario `dataset` needs a dataset_url")
        if self.dataset_url is not None and self.shared_prefix is not None:
            raise ValueError("shared_prefix makes prompts, and dataset_url brings them: give one")
        if self.conversation is not None and (self.request_rate or self.trace):
            raise ValueError("a conversation is held in closed loop: give num_concurrency alone")
        return self

    def levels(self) -> tuple[Level, ...]:
        """Return the load levels that are asked for, in order."""
        levels: list[Level] = []
        for scenario in self.traffic_scenarios:
            levels += [
                Level(scenario=scenario, concurrency=concurrency)
                for concurrency in self.num_concurrency
            ]
            levels += [Level(scenario=scenario, request_rate=rate) for rate in self.request_rate]
        if self.trace is not None:
            scenario = self.traffic_scenarios[0]
            levels += [Level(scenario=scenario, trace_speed=speed) for speed in self.trace.speed]
        return tuple(levels)

    def dataset(self) -> Dataset | None:
        """Return the file that prompts come from, if they do."""
        if self.dataset_url is None:
            return None
        return Dataset(
            source=self.dataset_url,
            deduplicate=self.dataset_deduplicate,
            most_mib=self.dataset_most_mib,
        )

    @field_validator("additional_params")
    @classmethod
    def _numbers_as_numbers(cls, raw: dict[str, Any]) -> dict[str, Any]:
        """Read `temperature: "0.0"` as 0.0: servers refuse a number in quotation marks."""
        return {
            name: float(value) if name in _SAMPLING_NUMBERS and isinstance(value, str) else value
            for name, value in raw.items()
        }


class Task(Section):
    """What the user asks for: one file."""

    task_name: str = Field(min_length=1, max_length=200)
    """Names the task in lists, reports and on the command line."""
    description: str = ""
    """Free text."""
    model: Model
    base_runtime: str
    """The engine: `simulated`, `llamacpp`, `custom`, …"""
    deployment_mode: Annotated[
        Literal["local", "docker"], BeforeValidator(lambda raw: "local" if raw == "ome" else raw)
    ] = "local"
    """Where servers run: as processes of this machine, or in containers on it."""
    runtime_image_tag: str | None = None
    """Tag of the engine's image, with `deployment_mode: docker`."""
    engine: Engine = Engine()
    gpus: GpuRules = GpuRules()
    container: Container = Container()
    parameters: dict[str, ParameterSpace] = Field(default_factory=dict)
    """The flags to tune and the values they may take; `auto` is `recommended: true`."""
    recommended: bool = False
    """Whether the flags that matter most with the engine are tuned, too, over sensible values."""
    presets: Annotated[tuple[str, ...], BeforeValidator(one_or_many)] = ()
    """Names of parameter presets whose flags are tuned, too. `parameters` has the last word."""
    presets_merge: MergeRule = "union"
    """What becomes of a flag that several presets name: all values, the common ones, the last's."""
    quant_config: QuantConfig = QuantConfig()
    parallel_config: ParallelConfig = ParallelConfig()
    optimization: Optimization = Optimization()
    benchmark: Benchmark = Benchmark()
    slo: Slo = Slo()
    timeouts: Timeouts = Timeouts()
    expect: Expectation | None = None
    """What `autotuner verify` holds the result against."""

    @model_validator(mode="before")
    @classmethod
    def _recommended_ones(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and raw.get("parameters") == "auto":
            return {**raw, "parameters": {}, "recommended": True}
        return raw

    @field_validator("parameters")
    @classmethod
    def _conditions_can_be_met(cls, raw: dict[str, ParameterSpace]) -> dict[str, ParameterSpace]:
        if mistakes := condition_mistakes(raw):
            raise ValueError("; ".join(f"{name} {mistake}" for name, mistake in mistakes))
        return raw

    @model_validator(mode="after")
    def _a_largest_load_has_a_limit(self) -> Self:
        if self.optimization.objective in LOAD_OBJECTIVES and not self.slo.targets():
            raise ValueError(
                f"the objective {self.optimization.objective} needs an SLO: without one, every load"
                " will do"
            )
        if self.benchmark.conversation is not None and self._largest_rate:
            raise ValueError(
                "a conversation is held in closed loop: search the largest load over concurrency"
            )
        return self

    @property
    def _largest_rate(self) -> bool:
        searched = self.optimization.objective in LOAD_OBJECTIVES
        return searched and self.benchmark.load_search.over == "request_rate"

    @property
    def level_time_limit(self) -> float:
        """Longest time for one load level, in seconds: no level may use up the others' time."""
        share = self.optimization.timeout_per_iteration / max(1, len(self.levels()))
        return min(self.benchmark.max_time_per_iteration, share)

    def levels(self) -> tuple[Level, ...]:
        """Return every load level of an experiment, in the order they are measured."""
        benchmark = self.benchmark
        if self.optimization.objective in LOAD_OBJECTIVES:
            over = benchmark.load_search.over
            return tuple(
                Level(scenario=scenario, largest=over) for scenario in benchmark.traffic_scenarios
            )
        return benchmark.levels()
