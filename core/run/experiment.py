"""The life of one experiment: lease, start, warm up, measure, judge, stop.

The result is committed before anything is torn down. What happens after that can add a warning; it
can never turn a result into a failure.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, TypeVar

from core.deploy import NotReadyError, Server, StopReport, until_ready, why_ended
from core.deploy.own_account import in_force
from core.deploy.readiness import Patience
from core.engines.access import demanded_key
from core.engines.engine import Command
from core.engines.in_force import compared
from core.engines.scanning import plain
from core.errors import HostError, StoreError, UsageError
from core.events import (
    Event,
    Experiment,
    ExperimentJudged,
    ExperimentQueued,
    Failure,
    FailureKind,
    LevelMeasured,
    LevelProgress,
    LoadFound,
    Notice,
    Outcome,
    Phase,
    PhaseBegan,
    Probe,
    ServerAccount,
    ServerDescribed,
    ServerLaunched,
    ServerStopped,
    SubRound,
)
from core.load import (
    MeasurementError,
    PlanTerms,
    Progress,
    RequestTable,
    Target,
    capacity_plan,
    find_capacity,
    level_plan,
    load_target,
)
from core.load.server_metrics import with_server_metrics
from core.load.server_watch import ServerWatch, reset_cache
from core.machine import masking, ports, secrets_at_large
from core.machine.gpu_recorder import GpuRecorder
from core.machine.supervision import GuardianKilledError
from core.run.budget import Cost, has_time, spent
from core.run.company import with_company
from core.run.gpu_use import with_gpu_use
from core.run.hosting import Berth
from core.run.levels import ascending, at_load, spoiled_by
from core.run.orders import Order, Workbench
from core.run.to_its_end import to_its_end
from core.task import Level, is_secret_name
from core.verdict import judge, objective_metric

T = TypeVar("T")

_SILENCE_SHARE, _LONGEST_SILENCE = 0.5, 600.0
"""A server that shows no sign of life is given up after this share of its time to start, or after
so many seconds."""

_TIMEOUT_KINDS = {
    Phase.STARTING: FailureKind.START_TIMEOUT,
    Phase.WARMING: FailureKind.WARMUP_TIMEOUT,
    Phase.MEASURING: FailureKind.MEASURE_TIMEOUT,
}

_BLAMED_ON_THE_SERVER = {
    FailureKind.REQUEST_ERRORS,
    FailureKind.WARMUP_TIMEOUT,
    FailureKind.MEASURE_TIMEOUT,
}


class ServerEndedError(Exception):
    """The server ended while it was being measured."""


class ExperimentRun:
    """One experiment under way."""

    def __init__(self, bench: Workbench, order: Order) -> None:
        self._bench = bench
        self._order = order
        self._server: Server | None = None
        self._gpus: tuple[str, ...] = ()
        self._stopped_because = ""
        all_levels = bench.task.levels()
        chosen = range(len(all_levels)) if order.levels is None else order.levels
        self._levels = dict(ascending([(index, all_levels[index]) for index in chosen]))

    async def conduct(self) -> Experiment:
        """Live the experiment through and return its record.

        Cancelling it cancels the experiment: what was measured is kept, the server is stopped.

        Raises:
            StoreError: its result could not be kept.
        """
        order = self._order
        self._say(
            ExperimentQueued(
                at=time.time(),
                experiment=order.number,
                configuration=order.configuration,
                origin=order.origin,
                reason=order.reason,
                promise=order.promise,
            )
        )
        # Leases are given back last, when nothing is left on the GPUs.
        async with contextlib.AsyncExitStack() as leases:
            try:
                failure = await self._measure_within_limit(leases)
                self._judge(failure)
                await self._bench.journal.settled()
            except BaseException:
                # Cancelled by the user, or a bug: either way it was not to be measured.
                if self._record.outcome is None:
                    self._judge(None, outcome=Outcome.CANCELLED)
                raise
            finally:
                if await to_its_end(asyncio.create_task(self._tear_down())):
                    raise asyncio.CancelledError
        return self._record

    @property
    def _record(self) -> Experiment:
        return self._bench.journal.state.experiments[self._order.number]

    def _say(self, event: Event) -> None:
        self._bench.journal.say(event)

    def _enter(self, phase: Phase, detail: str = "") -> None:
        number = self._order.number
        self._say(PhaseBegan(at=time.time(), experiment=number, phase=phase, detail=detail))

    def _warn(self, text: str) -> None:
        number = self._order.number
        self._say(Notice(at=time.time(), severity="warning", text=text, experiment=number))

    async def _measure_within_limit(self, leases: contextlib.AsyncExitStack) -> Failure | None:
        """Measure the levels and return None, or what kept one from being measured."""
        levels = dict(self._levels)
        for index in self._order.kept.keys() & levels.keys():
            self._say_measured(self._order.kept[index])
            del levels[index]
        if not levels:
            return None
        limit = self._bench.task.optimization.timeout_per_iteration * max(1.0, self._order.stretch)
        try:
            await self._lease(leases)  # waiting for others is nobody's time to start
            async with asyncio.timeout(limit):
                target = await self._start()
                for index, level in levels.items():
                    await self._measure(target, index, level)
                    if why := self._futile():
                        self._stopped_because = why
                        break
        except TimeoutError:
            return self._out_of_time(limit)
        except (NotReadyError, MeasurementError) as error:
            return await self._blame(error.failure)
        except ServerEndedError:
            return await self._why_ended()
        except StoreError:
            raise
        except (HostError, UsageError) as error:
            transient = isinstance(error, GuardianKilledError)
            return Failure(kind=FailureKind.ENVIRONMENT, message=str(error), transient=transient)
        return None

    def _futile(self) -> str | None:
        """Return why the levels to come need not be measured, or None."""
        measured = self._record.sub_rounds
        found = measured[-1].found
        if found is not None and found.given_up:
            return f"does not hold the load of {found.probes[0].load:.4g} that the best so far does"
        return None if self._order.pruning is None else self._order.pruning.reason(measured)

    async def _lease(self, leases: contextlib.AsyncExitStack) -> None:
        bench = self._bench
        self._enter(Phase.LEASING)
        needed = bench.engine.gpus_needed(bench.task, self._order.configuration)
        lease = bench.allocation.leased(needed, lambda why: self._enter(Phase.LEASING, why))
        self._gpus = tuple(gpu.uuid for gpu in await leases.enter_async_context(lease))

    async def _start(self) -> Target:
        """Launch the server, wait until it is ready, and return how to load it."""
        bench, task, number = self._bench, self._bench.task, self._order.number
        berth = Berth(
            port=ports.reserve_port(),
            log=bench.log_of(number),
            marker=f"{bench.task_id}/{number}",
            gpus=self._gpus,
        )
        self._enter(Phase.STARTING)
        self._server = server = bench.hosting.server(self._order.configuration, berth)
        await server.start()
        self._say(
            ServerLaunched(
                at=time.time(),
                experiment=number,
                argv=server.shown_argv,
                server=server.server,
                guardian=server.guardian,
                url=server.url,
                log=str(server.log),
                gpus=self._gpus,
            )
        )
        total = task.timeouts.start
        command = bench.engine.command(task, self._order.configuration, port=berth.port.number)
        target = load_target(
            task.benchmark,
            server.url,
            task.benchmark.model_name or "",
            bench.engine.requests,
            server_key=demanded_key(command, os.environ, bench.hosting.on_this_machine),
        )
        model = await until_ready(
            server,
            patience=Patience(silence=min(total * _SILENCE_SHARE, _LONGEST_SILENCE), total=total),
            health_path=bench.engine.health_path,
            model=task.benchmark.model_name,
            signs=bench.engine.signs,
            headers=target.headers(),
            say=lambda stage: self._enter(Phase.STARTING, stage),
        )
        self._warn_of_open_secrets(command)
        await self._compare_with_asked(target)
        return target.model_copy(update={"model": model})

    def _warn_of_open_secrets(self, command: Command) -> None:
        """Say that a process of the server shows a secret to every user of this machine."""
        assert self._server is not None
        secrets = masking.secrets_of(command.argv, {**os.environ, **command.environment})
        if who := secrets_at_large.in_arguments(self._server.pids(), secrets):
            self._warn(f"a secret stands in the arguments of {who}, for every user to read")

    async def _compare_with_asked(self, target: Target) -> None:
        """Say what the server runs with, and where that is not what it was asked to."""
        engine, journal, task = self._bench.engine, self._bench.journal, self._bench.task
        account = await in_force(target.base_url, engine, target.headers())
        flags = engine.flags(task, self._order.configuration)
        asked = {name: value for name, value in flags.items() if not is_secret_name(name)}
        varied = [name for name in task.parameters if not is_secret_name(name)]
        arguments = compared(asked, varied, account, engine.catalogue)
        if account.version or account.arguments:
            self._say(
                ServerDescribed(
                    at=time.time(),
                    experiment=self._order.number,
                    account=ServerAccount(version=account.version or "", arguments=arguments),
                )
            )
        for argument in arguments:
            if argument.differs:
                self._warn(argument.told)
        began = journal.state.began
        expected = began.engine_version if began else ""
        if account.version and expected and plain(account.version) != plain(expected):
            self._warn(f"{engine.name} {account.version} answers, and not {expected}")

    async def _measure(self, target: Target, index: int, level: Level) -> None:
        """Measure a level; once more, if it was spoiled by a stranger or by the client itself, and
        the budget has the time."""
        self._enter(Phase.WARMING, self._place(index))
        began = time.monotonic()
        measured = await self._unless_server_ends(self._measured(target, index, level))
        spoiled = spoiled_by(measured)
        if spoiled and self._has_time_for(time.monotonic() - began):
            self._warn(f"level {index + 1} was measured again: {spoiled.message}")
            measured = await self._unless_server_ends(self._measured(target, index, level))
            spoiled = spoiled_by(measured)
        elif spoiled:
            self._warn(f"no time was left to measure level {index + 1} again: {spoiled.message}")
        if spoiled and spoiled.kind is FailureKind.CLIENT_BOUND:
            raise MeasurementError(spoiled)
        self._say_measured(measured)
        await self._bench.journal.settled()

    def _has_time_for(self, seconds: float) -> bool:
        """Return whether the budget has so much time left for this experiment."""
        so_far = spent(self._bench.journal.state.experiments.values(), time.time())
        whole = Cost(0, so_far.seconds + seconds, so_far.gpu_seconds + seconds * len(self._gpus))
        return has_time(self._bench.task.optimization.budget, whole)

    def _place(self, index: int) -> str:
        return f"level {index + 1} of {len(self._bench.task.levels())}"

    def _say_measured(self, measured: SubRound) -> None:
        number = self._order.number
        self._say(LevelMeasured(at=time.time(), experiment=number, sub_round=measured))

    async def _measured(self, target: Target, index: int, level: Level) -> SubRound:
        bench, server = self._bench, self._server
        assert server is not None
        watched = () if bench.engine.simulated else self._gpus
        recorder = GpuRecorder(bench.allocation.gpus, watched, server.pids)
        headers = target.headers()
        await reset_cache(server.url, bench.engine.cache_reset_paths, headers)
        watch = ServerWatch(server.url, bench.engine.metrics_path, bench.engine.metrics, headers)
        async with recorder, watch:
            measured = await self._followed(index, self._load(target, index, level))
        measured = with_server_metrics(measured, watch.seen, bench.engine.metrics)
        measured = with_company(measured, bench.journal.state, self._order.number)
        if level.largest is not None and index in self._order.loads:
            load = self._order.loads[index]
            found = LoadFound(over=level.largest, load=load, broke=None, certain=False)
            measured = measured.model_copy(update={"found": found})
        return with_gpu_use(measured, recorder.records()) if watched else measured

    def _load(
        self, target: Target, index: int, level: Level
    ) -> AsyncGenerator[Progress | Probe | RequestTable | SubRound, None]:
        """Return the measurement of a level, or of the largest load where that is asked for."""
        bench, task = self._bench, self._bench.task
        terms = PlanTerms(
            index=index,
            seed=task.optimization.seed + self._order.number * len(task.levels()) + index,
            gpus=bench.engine.gpus_needed(task, self._order.configuration),
            deciding=objective_metric(task.optimization.objective),
        )
        if level.largest is not None and index not in self._order.loads:
            incumbent = self._order.incumbents.get(index)
            share = None if incumbent is None else incumbent * max(1, terms.gpus)
            plan = capacity_plan(task, level, terms, incumbent=share)
            return find_capacity(plan, lambda one: bench.worker.measure(target, one))
        if level.largest is not None:
            level = at_load(level, self._order.loads[index])
        fixed = level_plan(task, level, terms)
        longer = {
            "requests": round(fixed.requests * self._order.stretch),
            "max_seconds": fixed.max_seconds * self._order.stretch,
        }
        return bench.worker.measure(target, fixed.model_copy(update=longer))

    async def _followed(
        self, index: int, load: AsyncGenerator[Progress | Probe | RequestTable | SubRound, None]
    ) -> SubRound:
        """Have the level measured, passing on what the load worker reports meanwhile."""
        async for report in load:
            match report:
                case Progress():
                    self._pass_on(report, index)
                case Probe():
                    self._enter(Phase.WARMING, f"{self._place(index)}: {_tried(report)}")
                case RequestTable(data=data):
                    await self._bench.store.keep_samples(
                        self._bench.task_id, self._order.number, index, data
                    )
                case SubRound():
                    return report
        raise AssertionError("a measurement ends with its sub-round or with an error")

    def _pass_on(self, progress: Progress, index: int) -> None:
        phase, number = Phase(progress.phase), self._order.number
        if phase is not self._record.phase:
            self._enter(phase, self._record.phase_detail)
        facts = progress.model_dump(exclude={"phase"})
        self._say(
            LevelProgress(at=time.time(), experiment=number, index=index, phase=phase, **facts)
        )

    async def _unless_server_ends(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` returns.

        Raises:
            ServerEndedError: the server ended first.
        """
        assert self._server is not None
        working = asyncio.create_task(work)
        try:
            first: list[asyncio.Future[Any]] = [working, self._server.ended]
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise ServerEndedError
        finally:
            working.cancel()
            await asyncio.wait({working})

    async def _blame(self, failure: Failure) -> Failure:
        """Return the failure; where the server has ended or is halted, what that tells."""
        if self._server is None or failure.kind not in _BLAMED_ON_THE_SERVER:
            return failure
        if halted := (await self._server.vital_signs()).why_halted:
            told = {"message": f"{failure.message}; {halted}", "transient": True}
            return failure.model_copy(update=told)
        if failure.kind is not FailureKind.REQUEST_ERRORS:
            return failure
        # Connections break a moment before the process is gone.
        await asyncio.wait({self._server.ended}, timeout=1.0)
        return await self._why_ended() if self._server.ended.done() else failure

    async def _why_ended(self) -> Failure:
        assert self._server is not None
        return await why_ended(
            self._server.log, self._bench.engine.signs, self._server.ended.result()
        )

    def _out_of_time(self, limit: float) -> Failure:
        phase = self._record.phase
        doing = f", {self._record.phase_detail}" if self._record.phase_detail else ""
        return Failure(
            kind=_TIMEOUT_KINDS.get(phase, FailureKind.ENVIRONMENT),
            message=f"the experiment's {limit:g} s ran out while it was {phase}{doing}",
            advice="raise optimization.timeout_per_iteration, or ask for less at each load level",
        )

    def _judge(self, failure: Failure | None, outcome: Outcome | None = None) -> None:
        """Say the result. All that was measured counts, however it ended."""
        task, measured = self._bench.task, self._record.sub_rounds
        verdict = None
        if measured:
            levels = len(self._levels)
            aims = task.optimization
            verdict = judge(measured, task.slo, aims.objective, levels=levels, also=aims.also)
        if outcome is None and self._stopped_because:
            outcome = Outcome.PRUNED
        if outcome is None and failure is not None:
            outcome = Outcome.FAILED
        if outcome is None:
            assert verdict is not None
            outcome = Outcome.OK if verdict.feasible else Outcome.INFEASIBLE
        self._say(
            ExperimentJudged(
                at=time.time(),
                experiment=self._order.number,
                outcome=outcome,
                verdict=verdict,
                failure=failure,
                stopped_because=self._stopped_because,
            )
        )

    async def _tear_down(self) -> None:
        self._enter(Phase.STOPPING)
        if self._server is not None:
            self._report(await self._server.stop())
        self._enter(Phase.DONE)
        await self._bench.journal.settled()

    def _report(self, stopped: StopReport) -> None:
        if stopped.peak_bytes is not None and not self._bench.engine.simulated:
            number, peak = self._order.number, stopped.peak_bytes
            self._say(ServerStopped(at=time.time(), experiment=number, peak_memory=peak))
        if stopped.killed:
            self._warn(f"had to be killed after the grace period: {', '.join(stopped.killed)}")
        for remains in stopped.remains:
            self._warn(f"left behind: {remains.text}")
            if remains.gpu is not None:
                self._bench.allocation.quarantine(remains.gpu, f"is set aside: {remains.text}")


def _tried(probe: Probe) -> str:
    """Return what came of one load: `a load of 32 holds the SLOs`."""
    what = "holds" if probe.holds else "does not hold"
    return f"a load of {probe.load:.4g} {what} the SLOs"
