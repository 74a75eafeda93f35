"""What is done to a run. Each returns what it did, or None where it found nothing to strike."""

import os
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from tests.chaos.struck import PATIENCE, Struck, children_of

Fault = Callable[[Struck], Awaitable[str | None]]


def kill_one(role: str, number: signal.Signals) -> Fault:
    """A signal to one random process of a role."""

    async def fault(struck: Struck) -> str | None:
        chosen = [p.pid for p in struck.processes() if p.role == role]
        if not chosen:
            return None
        _signal(struck.rng.choice(chosen), number)
        if role == "runner":
            assert await struck.ended(within=PATIENCE), f"{number.name} does not end the runner"
        return f"{number.name} to {role}"

    return fault


def kill_all(*roles: str) -> Fault:
    """SIGKILL to every process of these roles at once; no role: to all, as a power cut does."""

    async def fault(struck: Struck) -> str | None:
        chosen = [p for p in struck.processes() if not roles or p.role in roles]
        if not {*roles, "server"} <= {p.role for p in struck.processes()}:
            return None
        for process in chosen:
            _signal(process.pid, signal.SIGKILL)
        assert await struck.ended(within=PATIENCE)
        return f"SIGKILL to {' and '.join(roles)}" if roles else "SIGKILL to all at once"

    return fault


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


async def second_runner(struck: Struck) -> str | None:
    """A second runner on a task that is being run is turned away, and so is its deletion."""
    if not struck.query("SELECT 1 FROM task WHERE runner IS NOT NULL"):
        return None
    status, said = await struck.ask("--resume", "struck")
    if struck.running:
        assert status in {2, 3}, said
    return "a second runner"


async def full_disk(struck: Struck) -> str | None:
    """No room on the home for a while; the runner may end for it, with status 3."""
    filler = struck.home / "filler"
    with suppress(OSError), filler.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        while True:
            file.write(b"\0" * 65536)
    await struck.ended(within=struck.rng.uniform(0.5, 3.0))
    filler.unlink()
    return "a full disk"


async def taken_port(struck: Struck) -> str | None:
    """A stranger binds the server's port a moment before the server does."""
    if not await _obeyed(struck, "give-up-port"):
        return None
    offered = struck.orders / "port-offered"
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", int(offered.read_text())))
        stranger.listen()
        offered.unlink()
        (struck.orders / "port-taken").touch()
        await struck.ended(within=1.0)
    return "a port already bound"


def crash(phase: str) -> Fault:
    """The server crashes by itself in a phase of its life."""
    return _ordered(f"crash-{phase}", f"a crash while {phase}")


def strike_guardian(phase: str) -> Fault:
    """SIGKILL to the guardian in a phase of its server, which does it itself, to be in time."""
    return _ordered(f"strike-{phase}", f"SIGKILL to guardian while {phase}")


async def strike_launching_guardian(struck: Struck) -> str | None:
    """SIGKILL to a guardian that has not started its server yet."""
    while not await struck.ended(within=0.001):
        for pid in struck.children():
            with suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes()
                if b"guardian.py" in words and not children_of(pid):
                    _signal(pid, signal.SIGKILL)
                    return "SIGKILL to guardian while launching"
    return None


def _ordered(order: str, what: str) -> Fault:
    async def fault(struck: Struck) -> str | None:
        return what if await _obeyed(struck, order) else None

    return fault


async def _obeyed(struck: Struck, order: str) -> bool:
    """Give the nasty server an order; return whether it was carried out before the run ended."""
    path = struck.orders / order
    path.touch()
    for _ in range(100):
        if not path.exists() or await struck.ended(within=0.1):
            break
    with suppress(FileNotFoundError):
        path.unlink()
        return False
    if order == "give-up-port":
        await struck.until((struck.orders / "port-offered").exists, "no port offered")
    return True


FAULTS: tuple[Fault, ...] = (
    kill_one("runner", signal.SIGKILL),
    kill_one("runner", signal.SIGKILL),
    kill_one("runner", signal.SIGTERM),
    kill_one("runner", signal.SIGINT),
    kill_one("runner", signal.SIGHUP),
    kill_one("guardian", signal.SIGKILL),
    strike_launching_guardian,
    kill_one("server", signal.SIGKILL),
    kill_one("server", signal.SIGSTOP),
    kill_one("worker", signal.SIGKILL),
    kill_one("load worker", signal.SIGKILL),
    kill_all("runner", "guardian"),
    kill_all(),
    second_runner,
)

MISDEEDS = (
    taken_port,
    *(crash(phase) for phase in ("starting", "warming", "measuring")),
    *(strike_guardian(phase) for phase in ("starting", "warming", "measuring", "stopping")),
)
"""What only the nasty server does."""


def faults(struck: Struck) -> tuple[Fault, ...]:
    """Return all that can be done to this run."""
    disk = (full_disk,) if struck.home.is_mount() else ()
    return FAULTS + disk + (MISDEEDS if struck.nasty else ())
