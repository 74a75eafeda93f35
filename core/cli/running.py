"""`autotuner --run` and `--resume`: a run in the foreground, and how it ends on a signal."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from core.cli.ending import end_what_the_dead_left
from core.cli.looking import find
from core.cli.planning import experience
from core.engines.engine import Engine
from core.engines.registry import ENGINES
from core.engines.resolving import engine_of
from core.errors import HostError, UsageError
from core.events import RunEnded
from core.machine import identity
from core.report import Conclusion, print_result, progress_on, to_json
from core.report.plan import plan_of
from core.report.preflight import check_program, prepare, read_and_check
from core.run import Runner, facts_of
from core.store import Store, StoredTask, TaskState
from core.store.masking import SECRET
from core.task import Reading, Task, referred

_INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_file(path: Path, *, as_json: bool, agreed: bool) -> int:
    """Run the task file at `path` to its end and print the result.

    Raises:
        TaskError: the file is wrong.
        HostError: this machine cannot run it, or its results cannot be kept.
    """
    reading = read_and_check(path)
    engine = engine_of(reading)
    facts, gpus = facts_of(reading.task, engine)
    prepared = prepare(reading, engine, facts, gpus)
    for notice in prepared.reading.notices:
        print(notice, file=sys.stderr)
    check_program(prepared)
    task = prepared.task
    earlier = asyncio.run(experience(engine.name, task.model.id_or_path))
    plan = plan_of(task, engine, prepared.space, earlier, gpus)
    print(f"{task.task_name}: {plan.headline}", file=sys.stderr)
    ask_before_custom_command(prepared.reading, agreed=agreed)
    source = str(path.absolute())
    return asyncio.run(_run_new(prepared.reading, engine, source, as_json=as_json))


def resume(ref: str, *, as_json: bool) -> int:
    """Go on with a task of the store and print the result."""
    return asyncio.run(_resume(ref, as_json=as_json))


def ask_before_custom_command(reading: Reading, *, agreed: bool) -> None:
    """Have the user agree to a command or a program that the task file brings along.

    Raises:
        UsageError: the user does not agree, or cannot be asked.
    """
    command = reading.task.engine.command or reading.task.engine.executable
    if command is None or agreed:
        return
    shown = command if isinstance(command, str) else " ".join(command)
    if not sys.stdin.isatty():
        raise UsageError(f"{reading.source.name} runs `{shown}`; add --yes if you trust the file")
    print(f"{reading.source.name} runs this command:\n  {shown}", file=sys.stderr)
    print("Run it? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise UsageError("not run")


async def _run_new(reading: Reading, engine: Engine, source: str, *, as_json: bool) -> int:
    async with Store.open() as store:
        await clean_up(store)
        stored = await store.create_task(reading.text, reading.task, source)
        return await _run(store, stored, engine, as_json=as_json, task=reading.task)


async def _run(
    store: Store, stored: StoredTask, engine: Engine, *, as_json: bool, task: Task | None = None
) -> int:
    ending, conclusion, caught = await run_stored(store, stored, engine, task)
    if as_json:
        print(to_json(conclusion), end="")
    else:
        print_result(conclusion, sys.stdout)
    return _exit_status(ending, caught)


async def run_stored(
    store: Store, stored: StoredTask, engine: Engine, task: Task | None = None
) -> tuple[RunEnded, Conclusion, list[signal.Signals]]:
    """Run a task of the store in the foreground, its progress on stderr.

    Args:
        task: as it was read, with the secrets that the store does not keep; None: there is no more
            than the store has.

    Returns:
        How it ended, what it came to, and the signals that stopped it.

    Raises:
        HostError: a secret of the task is not to be had any more.
    """
    task = task or with_secrets(stored.task)
    stored = await store.claim(stored.id, identity.myself(), identity.is_alive)
    so_far = await store.resume(stored.id)
    with progress_on(sys.stderr, so_far) as progress, _stopped_by_signals() as caught:
        whole = replace(stored, task=task)
        ending = await Runner(whole, engine, store, [progress.show]).run()
    return ending, Conclusion(stored, await store.resume(stored.id)), caught


async def _resume(ref: str, *, as_json: bool) -> int:
    async with Store.open() as store:
        await clean_up(store)
        stored = await find(ref)
        if stored.state is TaskState.FINISHED:
            raise UsageError(f"{stored.ref} is finished; `autotuner show {stored.ref}` has it")
        engine = ENGINES.get(stored.task.base_runtime)
        if engine is None:
            raise HostError(f"{stored.ref}: this version has no engine {stored.task.base_runtime}")
        return await _run(store, stored, engine, as_json=as_json)


def with_secrets(task: Task) -> Task:
    """Return a task of the store with the secrets that it cannot hold taken from the environment.

    Raises:
        HostError: there is one that the environment does not have.
    """
    environment, arguments = task.engine.environment, task.engine.arguments
    wanted = [name for name, value in environment.items() if SECRET in value]
    wanted += [n for v in arguments.values() if (n := referred(str(v))) and n not in environment]
    missing = [name for name in wanted if name not in os.environ]
    lost = [name for name, value in arguments.items() if SECRET in str(value)]
    if missing:
        raise HostError(f"{missing[0]}: its value is kept nowhere; set it in the environment")
    if lost:
        raise HostError(f"engine.arguments.{lost[0]}: is kept nowhere; run the task file anew")
    kept = {name: value for name, value in environment.items() if SECRET not in value}
    return task.model_copy(update={"engine": task.engine.model_copy(update={"environment": kept})})


async def clean_up(store: Store) -> None:
    """End what dead runs have left on this machine, and say so on stderr."""
    for line in await end_what_the_dead_left(store, here=True):
        print(line, file=sys.stderr)


@contextmanager
def _stopped_by_signals() -> Iterator[list[signal.Signals]]:
    """Cancel the running task on the first signal that asks to stop, and note which it was.

    Later ones change nothing: what is left to do is cleaning up, and it is bounded.
    """
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    caught: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        caught.append(number)
        if len(caught) == 1:
            task.cancel()
            with contextlib.suppress(OSError):  # the terminal may be gone, and that is the reason
                print("stopping: ending the server, keeping what is measured …", file=sys.stderr)

    heeded = [number for number in _INTERRUPTS if not _started_without_hangups(number)]
    for number in heeded:
        loop.add_signal_handler(number, stop, number)
    try:
        yield caught
    finally:
        for number in heeded:
            loop.remove_signal_handler(number)


def _started_without_hangups(number: signal.Signals) -> bool:
    """Return whether this is SIGHUP, and `nohup` has us outlive the terminal."""
    return number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN


def _exit_status(ending: RunEnded, caught: list[signal.Signals]) -> int:
    if caught:
        return 128 + caught[0]
    if ending.state == "failed":
        return HostError.exit_code
    return 0 if ending.best is not None else 1
