"""Calls into a library that may never come back, as those into a driver that hangs.

They are made by one daemon thread. Whoever asks waits for a limited time; while a call is overdue,
nobody waits for another one.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

_T = TypeVar("_T")


class OverdueError(Exception):
    """A call has not come back in time."""


class PatientCaller:
    """Makes calls one after another. May be used from several threads."""

    def __init__(self) -> None:
        self._orders: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self._overdue: Future[Any] | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    @property
    def overdue(self) -> bool:
        """Whether a call that nobody waits for any more has not come back yet."""
        return self._overdue is not None and not self._overdue.done()

    def call(self, function: Callable[..., _T], *arguments: Any, patience: float) -> _T:
        """Return what the function returns, or raise what it raises.

        Raises:
            OverdueError: it takes more than `patience` seconds, or an earlier call is overdue.
        """
        if self.overdue:
            raise OverdueError
        self._start()
        answer: Future[_T] = Future()
        self._orders.put((answer, lambda: function(*arguments)))
        try:
            return answer.result(patience)
        except TimeoutError:
            if not answer.cancel():  # else it was not begun, as another one is overdue
                self._overdue = answer
            raise OverdueError from None

    def _start(self) -> None:
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="driver", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            answer, call = self._orders.get()
            if not answer.set_running_or_notify_cancel():
                continue
            try:
                answer.set_result(call())
            except Exception as error:
                answer.set_exception(error)
