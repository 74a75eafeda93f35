"""What a dead server died of."""

import signal
from pathlib import Path

import pytest

from core.deploy import why_ended
from core.engines.signs import COMMON_SIGNS
from core.events import FailureKind
from core.machine import identity
from core.machine.supervision import ExitReport
from tests.deploy.conftest import LaunchNasty

KILLED = -signal.SIGKILL


@pytest.mark.parametrize(
    ("report", "log", "kind", "word"),
    [
        (ExitReport(KILLED, oom_kills=1), "", FailureKind.OUT_OF_MEMORY, "kernel"),
        (ExitReport(KILLED, oom_kills=None), "", FailureKind.OUT_OF_MEMORY, "kernel"),
        (ExitReport(KILLED, oom_kills=0), "last", FailureKind.CRASHED, "by somebody"),
        (ExitReport(KILLED, oom_kills=0), "CUDA out of memory", FailureKind.OUT_OF_MEMORY, "GPU"),
        (ExitReport(1, oom_kills=0), "", FailureKind.CRASHED, "status 1"),
        (ExitReport(None), "", FailureKind.CRASHED, ""),
    ],
    ids=["kernel", "not counted", "somebody", "a line tells", "status", "unknown"],
)
async def test_a_death_is_named(
    tmp_path: Path, report: ExitReport, log: str, kind: FailureKind, word: str
) -> None:
    path = tmp_path / "log"
    path.write_text(log)
    failure = await why_ended(path, COMMON_SIGNS, report)
    assert failure.kind is kind
    assert word in failure.message


async def test_without_a_log_the_exit_has_to_do(tmp_path: Path) -> None:
    failure = await why_ended(tmp_path / "none", COMMON_SIGNS, ExitReport(1))
    assert failure.kind is FailureKind.CRASHED


async def test_a_server_that_somebody_killed_is_not_called_out_of_memory(
    launch: LaunchNasty,
) -> None:
    server = launch()
    await server.start()
    identity.send(server.server, signal.SIGKILL)
    report = await server.ended
    if report.oom_kills != 0:
        pytest.skip("the kernel killed something for want of memory meanwhile, or does not count")
    failure = await why_ended(server.log, COMMON_SIGNS, report)
    assert failure.kind is FailureKind.CRASHED
