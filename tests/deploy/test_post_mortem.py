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
        (ExitReport(1, oom_kills=2), "", FailureKind.OUT_OF_MEMORY, "host memory"),
        (ExitReport(1, oom_kills=2), "CUDA out of memory", FailureKind.OUT_OF_MEMORY, "GPU"),
        (ExitReport(None), "CUDA out of memory", FailureKind.CRASHED, "guardian"),
    ],
    ids=[
        "kernel",
        "not counted",
        "somebody",
        "a line tells",
        "status",
        "a worker",
        "a GPU",
        "guardian",
    ],
)
async def test_a_death_is_named(
    tmp_path: Path, report: ExitReport, log: str, kind: FailureKind, word: str
) -> None:
    path = tmp_path / "log"
    path.write_text(log)
    failure = await why_ended(path, COMMON_SIGNS, report)
    assert failure.kind is kind
    assert word in failure.message


@pytest.mark.parametrize(
    ("before", "word", "advice"),
    [
        ("Loading safetensors checkpoint shards:  50% Completed | 2/4", "weights, 50 %", "dtype"),
        ("GPU KV cache size: 131,072 tokens", "KV cache", "context length"),
        ("Capturing CUDA graph shapes:  40%|####", "CUDA graphs", "CUDA graphs"),
        ("Capturing CUDA graphs: 100%\nApplication startup complete", "serving", "fewer"),
        ("INFO nothing telling", "out of memory", "more GPUs"),
    ],
)
async def test_what_ran_out_of_memory_is_named(
    tmp_path: Path, before: str, word: str, advice: str
) -> None:
    path = tmp_path / "log"
    path.write_text(f"{before}\n  torch.OutOfMemoryError: CUDA out of memory.\nwarming up\n")
    failure = await why_ended(path, COMMON_SIGNS, ExitReport(1))
    assert failure.kind is FailureKind.OUT_OF_MEMORY
    assert word in failure.message
    assert advice in failure.advice.replace("data type", "dtype")
    assert failure.evidence == "torch.OutOfMemoryError: CUDA out of memory."


async def test_who_was_killed_by_somebody_is_tried_again(tmp_path: Path) -> None:
    for report in (ExitReport(KILLED, oom_kills=0), ExitReport(None)):
        assert (await why_ended(tmp_path / "none", COMMON_SIGNS, report)).transient


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
