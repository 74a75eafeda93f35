"""`autotuner verify`: measure a recommended configuration anew; do the figures still hold?"""

import asyncio
import signal
import sys
from pathlib import Path

from core.cli.looking import conclusion_of
from core.cli.running import ask_before_custom_command, clean_up, run_stored
from core.engines.engine import Engine
from core.engines.resolving import engine_of
from core.errors import HostError, UsageError
from core.events import Experiment
from core.report import findings, wording
from core.report.handover.reproduce import reproduce
from core.report.preflight import check_program, prepare
from core.report.record import against_record
from core.report.record import launches as launches_of
from core.run import facts_of
from core.store import Store
from core.task import Expectation, Reading, parse_task, read_task
from core.verdict.verification import Verification

_STATUSES = {"holds": 0, "regression": 1, "inconclusive": 4}


def verify_task(
    subject: str, *, launches: int, tolerance: float | None, as_json: bool, agreed: bool
) -> int:
    """Measure a task's recommended configuration anew and compare; the exit status is the verdict.

    Args:
        subject: what finds a finished task, or the path of a `reproduce.yaml`.
        launches: most launches to make.
        tolerance: the share by which the figure may be worse; None: as the file says, or 5 %.
        as_json: whether the verdict is printed as JSON.
        agreed: whether the command of a `custom` engine may be run without asking.

    Raises:
        UsageError: there is no such task or file, or it recommends nothing.
        TaskError: the file is wrong.
        HostError: this machine cannot run it.
    """
    reading = _reading(subject)
    expected = reading.task.expect
    if expected is None:
        raise UsageError(f"{subject}: has no `expect`; `autotuner report TASK -o DIR/` writes one")
    if tolerance is not None:
        expected = expected.model_copy(update={"tolerance": tolerance})
    engine = engine_of(reading)
    prepared = prepare(reading, engine, *facts_of(reading.task, engine))
    check_program(prepared)
    ask_before_custom_command(prepared.reading, agreed=agreed)
    found, caught = asyncio.run(_measure(prepared.reading, engine, expected, launches))
    if caught:
        return 128 + caught[0]
    if as_json:
        print(found.model_dump_json(indent=2))
    else:
        objective = reading.task.optimization.objective
        print(wording.verification(found, objective, expected.of))
    return _STATUSES[found.status]


def _reading(subject: str) -> Reading:
    """Return the pinned task: from a file, or made from what a task of the store recommends."""
    path = Path(subject)
    if path.suffix.lower() in {".yaml", ".yml", ".json"}:
        return read_task(path)
    conclusion = asyncio.run(conclusion_of(subject))
    text = reproduce(conclusion, findings(conclusion))
    if text is None:
        raise UsageError(f"{conclusion.task.ref}: recommends nothing that could be verified")
    return parse_task(text, f"{conclusion.task.ref}, pinned")


async def _measure(
    reading: Reading, engine: Engine, expected: Expectation, launches: int
) -> tuple[Verification, list[signal.Signals]]:
    """Launch until the verdict is in, or as often as is allowed."""
    objective = reading.task.optimization.objective
    made: list[Experiment] = []
    async with Store.open() as store:
        await clean_up(store)
        while True:
            stored = await store.create_task(reading.text, reading.task, "")
            ending, conclusion, caught = await run_stored(store, stored, engine)
            found = against_record(conclusion, expected, made)
            assert found is not None
            made += launches_of(conclusion)
            if caught or found.status != "inconclusive" or len(made) >= launches:
                return found, caught
            if ending.state == "failed" or not conclusion.experiments:
                raise HostError(f"{stored.ref}: {ending.reason}")
            print(wording.verification(found, objective, expected.of), file=sys.stderr)
