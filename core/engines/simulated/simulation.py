"""The simulated engine as a plain function: launch, load levels, figures, in virtual time. Pure.

The scheduler that is played is the very one behind the HTTP server. What is left out is the wire:
a client that is never late, on a network that takes no time but the workload's turnaround.
"""

import heapq
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from core.engines.catalogue import unknown_flag
from core.engines.simulated.arguments import ArgumentError, parse_arguments, settle
from core.engines.simulated.memory import GpuMemoryError
from core.engines.simulated.request import Request
from core.engines.simulated.scheduler import Scheduler, Step
from core.engines.simulated.startup import (
    BAD_ARGUMENTS,
    FAILED_START,
    KILLED,
    Launch,
    crash_report,
    launch,
)
from core.engines.simulated.workload import Workload
from core.task import FlagValue

CLIENT_START = 0.2e-3
"""Seconds between the first requests of two closed-loop clients, which start one by one."""


@dataclass(frozen=True)
class LevelResult:
    """What one load level measured. Latencies: one for each request, in seconds."""

    workload: Workload
    duration: float
    """From the first measured arrival to the last answer, in seconds."""
    ttft: tuple[float, ...]
    tpot: tuple[float, ...]
    """Only of requests with more than one output token."""
    e2e_latency: tuple[float, ...]
    itl: tuple[tuple[float, int], ...]
    """Gaps between tokens, each with how often it occurred. Of the steps that were played as one
    run all but the first count as equally long."""
    prompt_tokens: int
    output_tokens: int
    refused: int
    """Requests that the server turned away."""
    cached_tokens: int
    """Prompt tokens that the radix cache saved."""
    retractions: int
    """How often a running request lost its place for want of memory."""
    peak_kv_tokens: int
    """Most tokens in pages that running requests held, on one replica."""

    @property
    def output_throughput(self) -> float:
        """Generated tokens per second."""
        return self.output_tokens / self.duration

    @property
    def total_throughput(self) -> float:
        """Prompt and generated tokens per second."""
        return (self.prompt_tokens + self.output_tokens) / self.duration


@dataclass(frozen=True)
class Simulation:
    """One launch and its load levels."""

    start_seconds: float
    """From launch until ready, or until the launch had failed."""
    levels: tuple[LevelResult, ...]
    """Those that were measured to the end."""
    log: tuple[str, ...] = ()
    """What the server would have logged."""
    exit_code: int | None = None
    """With what status the server ended by itself; None when it did not."""
    in_force: Mapping[str, FlagValue] = field(default_factory=dict)
    """What the server would say of its arguments; empty where it did not come up."""


def simulate(
    flags: Mapping[str, FlagValue],
    workloads: Sequence[Workload],
    *,
    model: str,
    gpu: str,
    seed: int = 0,
) -> Simulation:
    """Launch a server with `flags` and put it under one workload after the other.

    Arrivals and lengths depend on the seed alone; the noise of the machine on seed and flags.

    Args:
        flags: values by name, as in a task file; `noise: 0` plays a machine without any.
        workloads: load levels; the radix cache stays warm from one to the next.
        model: a name of `machines.MODELS`.
        gpu: a name of `machines.GPUS`.
        seed: any number.
    """
    named = {"model": model, "gpu": gpu, **flags}
    words = [
        word for flag, value in named.items() for word in unknown_flag(flag, value).write(value)
    ]
    try:
        launched = launch(settle(parse_arguments(words)))
    except ArgumentError as error:
        return Simulation(0.0, (), (f"error: {error}",), BAD_ARGUMENTS)
    log = [line.text for line in launched.lines]
    if not launched.ready:
        return Simulation(launched.seconds, (), tuple(log), FAILED_START)
    machine = _Machine(launched, seed)
    levels: list[LevelResult] = []
    try:
        for index, workload in enumerate(workloads):
            levels.append(machine.measure(workload, Random(f"{seed}/{index}")))
    except GpuMemoryError as error:
        log += crash_report(error)
        return Simulation(
            launched.seconds, tuple(levels), tuple(log), KILLED, in_force=launched.in_force
        )
    return Simulation(launched.seconds, tuple(levels), tuple(log), in_force=launched.in_force)


class _Machine:
    """A launched server with its replicas' clocks."""

    def __init__(self, launched: Launch, seed: int) -> None:
        self._launch = launched
        self._replicas = launched.replicas(seed)
        self._clocks = [0.0] * len(self._replicas)
        self._turn = 0

    def measure(self, workload: Workload, rng: Random) -> LevelResult:
        """Play one load level to its last answer.

        Raises:
            GpuMemoryError: the server died of it.
        """
        begin = max(self._clocks)
        self._clocks = [begin] * len(self._replicas)
        requests = list(workload.draw(rng))
        tally = _Tally(workload, requests[workload.warmup :])
        arrivals = _Arrivals(workload, requests, begin, rng)
        while True:
            rank = self._next_replica()
            now = math.inf if rank is None else self._clocks[rank]
            if arrivals.next_at <= now:
                if arrivals.next_at == math.inf:
                    return tally.result()
                self._receive(arrivals, tally)
                continue
            assert rank is not None
            others = [
                self._clocks[other] + replica.undisturbed
                for other, replica in enumerate(self._replicas)
                if other != rank and not replica.idle
            ]
            step = self._replicas[rank].advance(now, min([arrivals.next_at, *others]))
            if step is None:
                raise RuntimeError("a replica has work that it cannot begin")
            self._clocks[rank] = step.end
            tally.take(step, self._replicas[rank])
            for request in step.finished:
                arrivals.follow(request.finished_at)

    def _next_replica(self) -> int | None:
        """Return the busy replica that is furthest behind."""
        busy = [rank for rank, replica in enumerate(self._replicas) if not replica.idle]
        return min(busy, key=self._clocks.__getitem__, default=None)

    def _receive(self, arrivals: "_Arrivals", tally: "_Tally") -> None:
        request = arrivals.take()
        if request in tally.measured:
            tally.begin = min(tally.begin, request.arrival)
        rank = self._turn % len(self._replicas)
        self._turn += 1
        replica = self._replicas[rank]
        if request.prompt + request.limit > self._launch.longest_request or replica.full:
            tally.refused += request in tally.measured
            arrivals.follow(request.arrival)
            return
        if replica.idle:
            self._clocks[rank] = max(self._clocks[rank], request.arrival)
        replica.submit(request)


class _Arrivals:
    """When the requests of a workload arrive."""

    def __init__(
        self, workload: Workload, requests: list[Request], begin: float, rng: Random
    ) -> None:
        self._requests = iter(requests)
        self._turnaround = workload.turnaround
        rate, concurrency = workload.level.request_rate, workload.level.concurrency
        self._times: list[float] = []
        if concurrency is not None:
            clients = range(min(concurrency, len(requests)))
            self._times = [begin + client * CLIENT_START for client in clients]
        elif rate is not None:
            for _ in requests:
                begin += rng.expovariate(rate)
                self._times.append(begin)
        self._waiting = len(requests) - len(self._times)
        """Requests that are sent when an answer is complete."""

    @property
    def next_at(self) -> float:
        """When the next request arrives; infinity when none does before an answer."""
        return self._times[0] if self._times else math.inf

    def take(self) -> Request:
        """Return the next request."""
        request = next(self._requests)
        request.arrival = heapq.heappop(self._times)
        return request

    def follow(self, answered_at: float) -> None:
        """Let a closed-loop client follow an answer with its next request, if it has one."""
        if self._waiting:
            self._waiting -= 1
            heapq.heappush(self._times, answered_at + self._turnaround)


class _Tally:
    """The figures of a level while it is played."""

    def __init__(self, workload: Workload, measured: list[Request]) -> None:
        self.measured = set(measured)
        self.refused = 0
        self.begin = math.inf
        """When the first measured request arrived."""
        self._workload = workload
        self._finished: list[Request] = []
        self._gaps: Counter[float] = Counter()
        self._cached = self._retractions = self._peak = 0

    def take(self, step: Step, replica: Scheduler) -> None:
        """Count what a step brought."""
        if step.start >= self.begin:
            for since, count in Counter(step.since).items():
                self._gaps[step.first_end - since] += count
            if (further := step.steps - 1) > 0:
                gap = (step.end - step.first_end) / further
                self._gaps[gap] += further * len(step.decoded)
        self._finished += [request for request in step.finished if request in self.measured]
        self._cached += step.cached
        self._retractions += len(step.retracted)
        self._peak = max(self._peak, replica.cache.used_tokens)

    def result(self) -> LevelResult:
        """Return the figures of a level that is over."""
        done = self._finished
        end = max([request.finished_at for request in done], default=self.begin)
        return LevelResult(
            workload=self._workload,
            duration=end - self.begin,
            ttft=tuple([r.first_token_at - r.arrival for r in done]),
            tpot=tuple([_tpot(request) for request in done if request.answer > 1]),
            e2e_latency=tuple([r.finished_at - r.arrival for r in done]),
            itl=tuple(sorted(self._gaps.items())),
            prompt_tokens=sum([r.prompt for r in done]),
            output_tokens=sum([r.answer for r in done]),
            refused=self.refused,
            cached_tokens=self._cached,
            retractions=self._retractions,
            peak_kv_tokens=self._peak,
        )


def _tpot(request: Request) -> float:
    return (request.finished_at - request.first_token_at) / (request.answer - 1)
