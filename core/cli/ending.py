"""`autotuner stop`, `clean` and `kill`: ending exactly what is meant, and nothing else."""

import asyncio
import sys

from core.cli.looking import find
from core.errors import HostError, UsageError
from core.events import ProcessIdentity
from core.machine import guarded_kill, identity, leftovers, masking
from core.machine.guarded_kill import Ending
from core.machine.nvml import NvmlGpus
from core.machine.runner_process import stop_runner
from core.report import figures
from core.store import DeadRun, Store
from core.store.file_system import reached_over_network

_STOP_MARGIN = 30.0
"""Seconds beyond the time that a server gets to stop, until stopping a run is given up on."""


def stop(ref: str) -> int:
    """Ask the runner of a task to stop, and wait until it has.

    Raises:
        UsageError: there is no such task, or nobody runs it.
        HostError: the runner does not stop.
    """
    task = asyncio.run(find(ref))
    runner = task.runner
    if runner is None or not identity.is_alive(runner):
        raise UsageError(f"{task.ref} is not being run")
    stop_runner(runner)
    print(f"{task.ref}: stopping; its server gets {task.task.timeouts.stop:g} s to end")
    patience = task.task.timeouts.stop + _STOP_MARGIN
    if not asyncio.run(_gone_within(runner, patience)):
        raise HostError(f"{task.ref}: its runner ({runner}) has not ended within {patience:g} s")
    print(f"{task.ref}: stopped; `autotuner --resume {task.ref}` goes on")
    return 0


def clean(*, here: bool = False) -> int:
    """End what dead runs have left, and say what that was.

    Args:
        here: see `end_what_the_dead_left`.
    """
    found = asyncio.run(end_what_the_dead_left(containers=True, here=here))
    print("\n".join(found) if found else "nothing was left over")
    return 0


async def end_what_the_dead_left(
    store: Store | None = None, *, containers: bool = False, here: bool = False
) -> list[str]:
    """Close the runs of dead runners, end what is left of their servers, and say so, line by line.

    Args:
        store: the store; None: the usual one.
        containers: whether to look for containers even if no dead run is known to have any.
        here: whether to leave alone the runs of another boot in a store on a network file system:
            they may live on another machine that has the same home.

    Raises:
        StoreError: the store cannot be written.
    """
    if store is None:
        async with Store.open() as opened:
            return await end_what_the_dead_left(opened, containers=containers, here=here)
    shared = here and await asyncio.to_thread(reached_over_network, store.path)
    dead = await store.close_dead_runs(_may_live if shared else identity.is_alive)
    launches = [
        leftovers.Launch(run.task.ref, launched.server, launched.guardian)
        for run in dead
        for launched in run.servers
    ]
    swept = await asyncio.to_thread(leftovers.end, launches)
    known = any(map(_in_containers, dead))
    return [
        *(f"{run.task.ref} was interrupted; `--resume` goes on with it" for run in dead),
        *(f"ended what a dead run had left: {leftover}" for leftover in swept.ended),
        *(f"could not end what a dead run has left: {left}" for left in swept.remaining),
        *(await _remove_containers(known) if containers or known else ()),
    ]


def _may_live(who: ProcessIdentity) -> bool:
    return who.boot_id != identity.myself().boot_id or identity.is_alive(who)


def _in_containers(run: DeadRun) -> bool:
    return run.task.task.deployment_mode == "docker"


async def _remove_containers(known: bool) -> list[str]:
    from core.deploy.container_host import sweep  # the SDK takes its time to load

    try:
        names = await asyncio.to_thread(sweep, known=known)
    except HostError as error:
        return [f"could not look for containers that dead runs may have left: {error}"]
    return [f"removed a container that a dead run had left: {name}" for name in names]


def kill(pid: int, confirmed: str) -> int:
    """Show a process, have it confirmed, and end it.

    Raises:
        UsageError: there is no such process, or it may not or shall not be ended.
        HostError: it does not end.
    """
    shown = identity.identify(pid)
    if shown is None:
        raise UsageError(f"there is no process with PID {pid}")
    for line in described(shown):
        print(line, file=sys.stderr)
    report = asyncio.run(guarded_kill.end_process(shown, typed=confirmed))
    if report.ending is Ending.UNCONFIRMED and sys.stdin.isatty():
        print(f"{report.text}: ", end="", file=sys.stderr, flush=True)
        report = asyncio.run(guarded_kill.end_process(shown, typed=sys.stdin.readline()))
    match report.ending:
        case Ending.REFUSED:
            raise UsageError(f"not ended: {report.text}")
        case Ending.UNCONFIRMED:
            raise UsageError(f"not ended: {report.text} (or add --confirm {pid})")
        case Ending.SURVIVED:
            raise HostError(report.text)
    print(report.text)
    return 0


def described(who: ProcessIdentity) -> list[str]:
    """Return what a person has to see of a process before ending it, line by line."""
    process = identity.describe(who)
    if process is None:
        return [f"{who} has ended"]
    command = " ".join(masking.masked(process.command)) or f"[{process.name}]"
    gpus = NvmlGpus()
    return [
        f"{who}, of {process.owner}, started {figures.duration(process.age)} ago: {command}",
        f"  memory {process.resident_bytes / 2**20:,.0f} MiB",
        *(
            f"  GPU {gpu.index}: {used.used_bytes / 2**20:,.0f} MiB"
            for gpu in gpus.present()
            for used in gpus.processes(gpu.uuid) or ()
            if used.pid == who.pid and used.used_bytes is not None
        ),
    ]


async def _gone_within(who: ProcessIdentity, seconds: float) -> bool:
    for _ in range(int(seconds * 10)):
        if not identity.is_alive(who):
            return True
        await asyncio.sleep(0.1)
    return False
