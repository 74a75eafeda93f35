"""Ends one process that a person chose by its PID, after asking whether that can be meant.

The rules are pure: `judge` takes what is known and says allowed, refused and why, or what has to be
typed first. `end_process` looks the facts up, asks the rules, and signals that identity alone.
"""

import asyncio
import os
import signal
import time
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from core.events import ProcessIdentity
from core.machine import identity, ownership, procfs
from core.machine.identity import ProcessDescription

_CAP_KILL = 5
_LOOK = 0.05
_KILL_PATIENCE = 5.0


@dataclass(frozen=True)
class Actor:
    """Who wants to end a process: this program."""

    pid: int
    uid: int
    """Effective user."""
    ancestors: Collection[int]
    """PIDs of its parents up to the first process: the shell, tmux, sshd."""
    may_signal_others: bool
    """Whether the kernel lets it signal other users' processes."""


class Ruling(StrEnum):
    """What the rules say."""

    ALLOWED = "allowed"
    UNCONFIRMED = "unconfirmed"
    """It is nothing of ours: the confirmation has to be typed."""
    REFUSED = "refused"


@dataclass(frozen=True)
class Judgement:
    """What the rules say, and why."""

    ruling: Ruling
    reason: str = ""


class Ending(StrEnum):
    """What became of the process."""

    ENDED = "ended"
    KILLED = "killed"
    """It did not end when asked and was killed."""
    SURVIVED = "survived"
    """It is stuck in the kernel; the signal waits for it."""
    UNCONFIRMED = "unconfirmed"
    REFUSED = "refused"


@dataclass(frozen=True)
class EndingReport:
    """What became of the process, in a sentence that can be shown."""

    ending: Ending
    text: str


def confirmation(who: ProcessIdentity) -> str:
    """Return what a person has to type before a process that is not ours is ended."""
    return str(who.pid)


def judge(
    shown: ProcessIdentity,
    now: ProcessDescription | None,
    actor: Actor,
    *,
    ours: bool,
    typed: str = "",
) -> Judgement:
    """Say whether a process may be ended.

    Args:
        shown: the process as the person saw it.
        now: what has its identity now, None if nothing has.
        actor: who asks.
        ours: whether it belongs to one of our servers.
        typed: what the person typed to confirm.
    """
    reason = _objection(shown, now, actor)
    if reason:
        return Judgement(Ruling.REFUSED, reason)
    if not ours and typed.strip() != confirmation(shown):
        wanted = confirmation(shown)
        return Judgement(Ruling.UNCONFIRMED, f"{shown} is none of ours: type {wanted} to end it")
    return Judgement(Ruling.ALLOWED)


def _objection(shown: ProcessIdentity, now: ProcessDescription | None, actor: Actor) -> str:
    if shown.pid == 1:
        return "PID 1 is the system itself"
    if shown.pid == actor.pid:
        return f"{shown} is this program: quit it instead"
    if shown.pid in actor.ancestors:
        return f"{shown} is what this program runs in: its shell, terminal or session"
    if now is None:
        return f"{shown} is not the process that was shown any more: it has ended"
    if now.kernel_thread:
        return f"{shown} is a thread of the kernel"
    if now.uid != actor.uid and not actor.may_signal_others:
        return f"{shown} belongs to {now.owner}"
    return ""


def rule(shown: ProcessIdentity, *, typed: str = "") -> Judgement:
    """Look the facts up and say whether this process may be ended, without touching it."""
    now, actor = identity.describe(shown), _this_program()
    # Whoever runs this program beside us has marked processes too.
    ours = now is not None and now.uid == actor.uid and ownership.read(shown.pid) is not None
    return judge(shown, now, actor, ours=ours, typed=typed)


async def end_process(
    shown: ProcessIdentity, *, typed: str = "", grace: float = 10.0
) -> EndingReport:
    """End the process that was shown, or say why not.

    Args:
        shown: the process as the person saw it.
        typed: what the person typed to confirm.
        grace: seconds from SIGTERM to SIGKILL.
    """
    judgement = rule(shown, typed=typed)
    if judgement.ruling is Ruling.REFUSED:
        return EndingReport(Ending.REFUSED, judgement.reason)
    if judgement.ruling is Ruling.UNCONFIRMED:
        return EndingReport(Ending.UNCONFIRMED, judgement.reason)
    try:
        identity.send(shown, signal.SIGTERM)
        if await _gone_within(shown, grace):
            return EndingReport(Ending.ENDED, f"{shown} has ended")
        identity.send(shown, signal.SIGKILL)
    except PermissionError:
        return EndingReport(Ending.REFUSED, f"{shown} may not be signalled by this user")
    if await _gone_within(shown, _KILL_PATIENCE):
        return EndingReport(Ending.KILLED, f"{shown} did not end when asked, and was killed")
    return EndingReport(
        Ending.SURVIVED, f"{shown} is stuck in the kernel and ends when that lets it"
    )


async def _gone_within(who: ProcessIdentity, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    alive = identity.is_alive(who)
    while alive and time.monotonic() < deadline:
        await asyncio.sleep(_LOOK)
        alive = identity.is_alive(who)
    return not alive


def _this_program() -> Actor:
    return Actor(
        pid=os.getpid(),
        uid=os.geteuid(),
        ancestors=procfs.ancestors(os.getpid()),
        may_signal_others=_has_capability(_CAP_KILL),
    )


def _has_capability(number: int) -> bool:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> number & 1)
    return False
