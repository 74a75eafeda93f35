"""One request and its answer: HTTP, the stream of events, and the moments that matter.

It is given bytes and the moment they arrived; it knows no socket and no clock.
"""

import json
from typing import NamedTuple

import httptools

from core.load.ledger import FIRST, Ledger
from core.load.records import Ending, kind
from core.load.sse import Answer, error_message

LONGEST_REFUSAL = 64 * 1024
"""Bytes kept of an answer that is no stream."""


class Request(NamedTuple):
    """A request, ready to be written."""

    wire: bytes
    asked_prompt: int
    """Tokens; 0 where the length was not chosen."""
    asked_output: int
    opening: bool = False
    """Whether it is a slot's first, with its answer cut short."""
    user: object | None = None
    """Who asks, in a conversation: the answer's text is then kept for the next turn."""


class Exchange:
    """A request that was sent, and as much of its answer as has arrived."""

    __slots__ = (
        "_collected",
        "_is_stream",
        "_ledger",
        "_parser",
        "answer",
        "delimited_by_close",
        "due",
        "end",
        "ending",
        "first",
        "first_lag",
        "first_merged",
        "keeps_alive",
        "lag",
        "last",
        "merged",
        "request",
        "sent",
        "stamp",
        "status",
        "streamed",
    )

    def __init__(self, request: Request, due: int, sent: int, ledger: Ledger) -> None:
        self.request = request
        self.due = due
        self.sent = sent
        self.first = self.last = self.end = 0
        self.first_lag = self.first_merged = 0
        self.merged = 0
        """Events with content that were read together with the one before."""
        self.ending: int | None = None
        """None while the answer is under way."""
        self.answer = Answer(keep_text=request.user is not None)
        self.status = 0
        """HTTP status; 0 before the head of the answer has arrived."""
        self.streamed = True
        self.delimited_by_close = True
        self._is_stream = False
        self.keeps_alive = False
        self.stamp = self.lag = 0
        self._collected = b""
        self._ledger = ledger
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes, stamp: int, lag: int) -> None:
        """Take in bytes that arrived at `stamp` and were read `lag` nanoseconds later."""
        self.stamp = stamp
        self.lag = lag
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.fail(Ending.BAD_RESPONSE, stamp, f"the answer is no HTTP: {error}")
        if self.ending is not None:
            del self._parser  # it and this object hold each other

    def lost(self, stamp: int, why: str) -> None:
        """Take in that the connection is gone."""
        if self.status == 0:
            self.fail(Ending.CONNECTION_RESET, stamp, why)
            return
        self.stamp = stamp
        self._conclude(cut_off=not self.delimited_by_close)
        self.keeps_alive = False
        del self._parser

    def fail(self, ending: int, stamp: int, why: str) -> None:
        """End the exchange without an answer."""
        if self.ending is None:
            self._over(ending, stamp, why)
            self.keeps_alive = False

    @property
    def unanswered(self) -> bool:
        """Whether the connection was lost before a single byte of the answer arrived."""
        return self.ending == Ending.CONNECTION_RESET and self.stamp == 0

    def row(self) -> tuple[int, ...]:
        """Return the finished exchange as a row of `core.load.records.REQUEST`."""
        answer, request = self.answer, self.request
        return (
            self.due,
            self.sent,
            self.first,
            self.last,
            self.end,
            int(self.ending or 0),
            -1 if answer.prompt_tokens is None else answer.prompt_tokens,
            -1 if answer.output_tokens is None else answer.output_tokens,
            answer.chunks,
            request.asked_prompt,
            request.asked_output,
            self.first_lag,
            self.first_merged,
            int(request.opening),
        )

    # What httptools calls.

    def on_message_begin(self) -> None:
        self.delimited_by_close = self.streamed = True

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name == b"content-type":
            self.streamed = b"json" not in value.lower()
        elif name in {b"content-length", b"transfer-encoding"}:
            self.delimited_by_close = False

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self.keeps_alive = self._parser.should_keep_alive()
        self._is_stream = self.status == 200 and self.streamed

    def on_body(self, body: bytes) -> None:
        if self._is_stream:
            if arrived := self.answer.feed(body):
                self._note(arrived)
        elif len(self._collected) < LONGEST_REFUSAL:
            self._collected += body

    def on_message_complete(self) -> None:
        if self.status >= 200:  # after an interim 1xx the answer is still to come
            self._conclude(cut_off=False)

    def _note(self, arrived: int) -> None:
        """Write down that `arrived` events with content are here."""
        stamp, ledger = self.stamp, self._ledger
        if self.first == 0:
            self.first = stamp
            self.first_lag = self.lag
            self.first_merged = arrived - 1
            ledger.gaps.append(FIRST)
        else:
            if stamp == self.first:
                self.first_merged += arrived
            ledger.gaps.append(stamp - self.last)
        ledger.stamps.append(stamp)
        self.last = stamp
        if arrived == 1:
            return
        self.merged += arrived - 1
        for _ in range(arrived - 1):
            ledger.gaps.append(0)
            ledger.stamps.append(stamp)

    def _conclude(self, *, cut_off: bool) -> None:
        """Judge an answer that has ended, one way or another."""
        answer = self.answer
        if self.streamed and (arrived := answer.close()):
            self._note(arrived)
        if self.status != 200:
            self._over(self.status, self.stamp, self._said())
        elif answer.error is not None:
            self._over(Ending.ERROR_EVENT, self.stamp, answer.error)
        elif not self.streamed:
            self._over(Ending.BAD_RESPONSE, self.stamp, f"the answer is no stream: {self._said()}")
        elif not (answer.done or answer.finished) and (cut_off or answer.chunks):
            self._over(Ending.TRUNCATED, self.stamp, "the stream broke off before its end")
        elif answer.chunks == 0:
            self._over(Ending.NO_TOKENS, self.stamp, "a 200 without a single token")
        else:
            self._over(Ending.COMPLETED, self.stamp, "")

    def _over(self, ending: int, stamp: int, why: str) -> None:
        self.ending = ending
        self.end = stamp
        if ending != Ending.COMPLETED:
            self._ledger.complaints.setdefault(kind(ending), why)

    def _said(self) -> str:
        try:
            said = json.loads(self._collected)
        except ValueError:
            said = None
        return error_message(said, self._collected)
