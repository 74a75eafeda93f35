"""The guardian: a small process that owns one server's whole process tree, and outlives nobody.

Started by `supervision` as `python -I -S guardian.py LABEL`, in a session of its own. It reads one
line of JSON, the order, from its standard input, whose other end the runner holds, and starts the
server. From then on it copies the server's output to a bounded log and collects every process that
the tree leaves behind: as a child sub-reaper it is the parent that orphans fall to, so a server
cannot escape by forking twice or by opening a session. It ends the tree when

    its input ends          the runner asks for it, or is no more, by whatever death
    SIGTERM, SIGINT, SIGHUP
    the server ends         what it left behind goes after it

by SIGTERM to every live descendant and, after the grace period, SIGKILL to those that are left,
again and again until it has no child. Then no descendant is left either, for each has an ancestor
among the children.

It reports in lines of JSON on its standard output: `started` or `refused`, `ended`, `gone`.
Standard library only, and one thread only: the server's PR_SET_PDEATHSIG belongs to a thread.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import select
import signal
import sys
import time
from typing import Any, NoReturn

if __name__ == "__main__":  # started bare (-I -S): make the project importable
    _here = os.path.abspath(__file__)  # noqa: PTH100
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(_here))))  # noqa: PTH120

from core.machine import ownership, procfs
from core.machine.bounded_log import BoundedLog

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PIPE_BYTES = 1 << 20
WEIGH_EVERY = 5.0
"""Seconds between two looks at the tree's memory; one costs 6 µs per process of the machine."""
_LOOK_FOR_NEWCOMERS = 0.25
"""Seconds between two looks for processes that appeared during the grace period."""
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.005, 0.5
"""Seconds between two rounds of SIGKILL; the pause doubles, since what is left is stuck."""
_NAMED = 50
"""Killed processes that are reported by name: a fork bomb must not outgrow a line."""
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_libc = ctypes.CDLL(None, use_errno=True)


class Guardian:
    """One order, from start to the last process gone."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self._grace: float = order["grace"]
        self._log = BoundedLog(order["log"], secrets=tuple(order["secrets"]))
        self._server = 0
        self._started_at = 0.0
        self._oom_kills: int | None = None
        self._kill_at: float | None = None
        """When SIGTERM turns into SIGKILL; None while the server shall live."""
        self._weigh_at = 0.0
        self._peak_bytes = 0
        """Most memory that the whole tree was seen with."""
        self._pause = _SHORTEST_PAUSE
        self._asked: set[tuple[int, int]] = set()
        """PID and start of those that got their SIGTERM."""
        self._killed: dict[tuple[int, int], str] = {}
        """Names of those that needed SIGKILL."""
        self._poll = select.poll()
        self._output = self._wakeups = -1

    def run(self) -> None:
        """Start the server, keep it, and return when nothing of it is left."""
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        self._wakeups = _signals_as_bytes()
        runner = _open_process(self._order["runner"])
        if os.getppid() != self._order["runner"]:  # it ended while this process began
            return
        for descriptor in (0, self._wakeups, runner):
            self._poll.register(descriptor, select.POLLIN)
        refusal = self._start()
        if refusal:
            _report("refused", reason=refusal)
            return
        while not self._all_reaped():
            self._weigh()
            if self._kill_at is not None:
                self._press()
            ready = {descriptor for descriptor, _ in self._poll.poll(self._patience())}
            if self._output in ready:
                self._copy_output()
            if self._wakeups in ready and _stop_signal_in(os.read(self._wakeups, 4096)):
                self._stop()
            for ending in ready & {0, runner}:
                self._poll.unregister(ending)
                self._stop()
        self._copy_output()
        self._log.close()
        names = [f"{name} (PID {pid})" for (pid, _), name in self._killed.items()]
        more = [f"and {len(names) - _NAMED} more"] if len(names) > _NAMED else []
        _report("gone", killed=names[:_NAMED] + more)

    def _start(self) -> str:
        """Start the server and report it; return why it could not be, empty if it could."""
        self._output, writer = _output_pipe()
        failure, failure_writer = os.pipe()
        self._oom_kills = _oom_kills()
        self._started_at = time.monotonic()
        own = procfs.read_stat(os.getpid())
        assert own is not None
        mark = ownership.Ownership(
            marker=self._order["marker"],
            guardian_pid=own.pid,
            guardian_start_ticks=own.start_ticks,
            pid_namespace=procfs.pid_namespace(),
            boot_id=procfs.boot_id(),
        )
        self._server = os.fork()
        if self._server == 0:
            _become_server(self._order, str(mark), own.pid, writer, failure_writer)
        os.close(writer)
        os.close(failure_writer)
        refusal = os.read(failure, 4096)  # ends empty when the server's exec closes the other end
        os.close(failure)
        if refusal:
            return refusal.decode()
        self._poll.register(self._output, select.POLLIN)
        server = procfs.read_stat(self._server)
        assert server is not None, "a child stays visible until it is reaped"
        _report(
            "started",
            server=(server.pid, server.start_ticks),
            guardian=(own.pid, own.start_ticks),
        )
        return ""

    def _weigh(self) -> None:
        """Look at the tree's memory if it is time to; shared pages count once for each process."""
        now = time.monotonic()
        if now >= self._weigh_at:
            self._weigh_at = now + WEIGH_EVERY
            tree = procfs.descendants(os.getpid())
            self._peak_bytes = max(self._peak_bytes, sum(each.resident_bytes for each in tree))

    def _patience(self) -> float:
        """Return how long to wait for something to happen, in milliseconds."""
        if self._kill_at is None:
            return 1000 * WEIGH_EVERY
        left = self._kill_at - time.monotonic()
        if left > 0:
            return 1000 * min(left, _LOOK_FOR_NEWCOMERS)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        return 1000 * self._pause

    def _stop(self) -> None:
        if self._kill_at is None:
            self._kill_at = time.monotonic() + self._grace
            self._weigh_at = 0.0

    def _press(self) -> None:
        assert self._kill_at is not None
        killing = time.monotonic() >= self._kill_at
        for process in procfs.descendants(os.getpid()):
            who = (process.pid, process.start_ticks)
            if process.ended or (who in self._asked and not killing):
                continue
            number = signal.SIGKILL if killing else signal.SIGTERM
            try:
                sent = procfs.signal_process(*who, number)
            except PermissionError:  # it changed its user; only its own end can help
                continue
            self._asked.add(who)
            if sent and killing:
                self._killed[who] = process.name

    def _all_reaped(self) -> bool:
        """Collect the dead and return whether no child is left."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid == self._server:
                self._copy_output()
                _report(
                    "ended",
                    code=os.waitstatus_to_exitcode(status),
                    seconds=time.monotonic() - self._started_at,
                    cpu_seconds=usage.ru_utime + usage.ru_stime,
                    peak_bytes=max(self._peak_bytes, usage.ru_maxrss * 1024),
                    oom_kills=self._oom_kills_since_start(),
                )
                self._stop()

    def _oom_kills_since_start(self) -> int | None:
        now = _oom_kills()
        return None if now is None or self._oom_kills is None else now - self._oom_kills

    def _copy_output(self) -> None:
        """Copy what the pipe holds; at most what it can hold, so that no flood keeps us here."""
        for _ in range(_PIPE_BYTES >> 16):
            if self._output < 0:
                return
            try:
                data = os.read(self._output, 1 << 16)
            except BlockingIOError:
                return
            if data:
                self._log.write(data)
            else:
                self._poll.unregister(self._output)
                self._output = -1


def _become_server(
    order: dict[str, Any], mark: str, guardian: int, output: int, failure: int
) -> NoReturn:
    """Turn the fresh child into the server; say through `failure` why that cannot be."""
    at_fault = "the server"
    try:
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guardian:  # died before the line above could tell
            os._exit(1)
        signal.set_wakeup_fd(-1)
        for number in (*_STOP_SIGNALS, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        at_fault = order["directory"]
        os.chdir(at_fault)
        at_fault = order["argv"][0]
        marks = {ownership.VARIABLE: mark, **ownership.KEEP_READABLE}
        environment = {**os.environ, **order["environment"], **marks}
        os.execvpe(at_fault, order["argv"], environment)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        os.write(failure, f"{at_fault}: {reason}".encode())
    finally:
        os._exit(127)


def _report(what: str, **facts: Any) -> None:
    line = json.dumps({"report": what, **facts}) + "\n"
    with contextlib.suppress(OSError):  # nobody may listen any more; the work goes on
        os.write(1, line.encode())


def _signals_as_bytes() -> int:
    """Return a descriptor from which the numbers of caught signals are read."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (*_STOP_SIGNALS, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    return reader


def _stop_signal_in(numbers: bytes) -> bool:
    return any(number in _STOP_SIGNALS for number in numbers)


def _open_process(pid: int) -> int:
    """Return a descriptor that can be read once that process is no more; the input if none can.

    The input alone would not do: the runner may have left its other end to a child of its own.
    """
    try:
        return os.pidfd_open(pid)
    except OSError:
        return 0


def _output_pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with contextlib.suppress(OSError):  # this user's pipes may hold all they are allowed to
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return reader, writer


def _oom_kills() -> int | None:
    """Return how many processes this kernel has killed for want of memory since it booted."""
    with contextlib.suppress(OSError), open("/proc/vmstat", encoding="ascii") as file:  # noqa: PTH123
        for line in file:
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return None


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _read_order() -> dict[str, Any] | None:
    """Return the order, or None if the runner ended before it was given."""
    received = b""
    while not received.endswith(b"\n"):
        chunk = os.read(0, 1 << 16)
        if not chunk:
            return None
        received += chunk
    order: dict[str, Any] = json.loads(received)
    return order


def main() -> None:
    """Carry out the order that comes on standard input."""
    order = _read_order()
    if order is None:
        return
    try:
        guardian = Guardian(order)
    except OSError as error:
        _report("refused", reason=f"{order['log']}: {error.strerror}")
    else:
        guardian.run()


if __name__ == "__main__":
    main()
