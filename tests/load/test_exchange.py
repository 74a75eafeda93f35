"""One request and its answer, fed byte by byte with chosen arrival times."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.load.exchange import Exchange, Request
from core.load.ledger import FIRST, Ledger
from core.load.records import Ending, table
from tests.load.scripted import DONE, END, HEAD, event, framed, refusal, token, usage

DUE, SENT = 1_000, 1_500


def exchange(ledger: Ledger | None = None, **request: Any) -> Exchange:
    asked = Request(b"", asked_prompt=10, asked_output=3, **request)
    return Exchange(asked, DUE, SENT, ledger or Ledger())


def fed(*pieces: bytes, ledger: Ledger | None = None) -> Exchange:
    """An exchange whose pieces arrived at 2000, 3000, … and were read 7 ns later."""
    subject = exchange(ledger)
    for number, piece in enumerate(pieces):
        subject.feed(piece, 2_000 + 1_000 * number, 7)
    return subject


def test_a_plain_answer_has_all_its_moments() -> None:
    ledger = Ledger()
    subject = fed(
        HEAD + framed(event({"choices": [{"delta": {"role": "assistant", "content": ""}}]})),
        framed(token("a")),
        framed(token("b")),
        framed(token("c", finish="length")),
        framed(usage(10, 3)) + framed(DONE) + END,
        ledger=ledger,
    )
    assert subject.ending == Ending.COMPLETED
    assert subject.keeps_alive
    row = table(np.array(subject.row(), dtype=np.int64).tobytes())[0]
    assert [int(row[n]) for n in ("due", "sent", "first", "last", "end")] == [
        DUE, SENT, 3_000, 5_000, 6_000,
    ]  # fmt: skip
    assert [int(row[n]) for n in ("prompt_tokens", "output_tokens", "chunks")] == [10, 3, 3]
    assert (int(row["first_lag"]), int(row["first_merged"])) == (7, 0)
    assert list(ledger.stamps) == [3_000, 4_000, 5_000]
    assert list(ledger.gaps) == [FIRST, 1_000, 1_000]


def test_a_role_without_content_is_no_first_token() -> None:
    role = event({"choices": [{"delta": {"role": "assistant", "content": ""}}]})
    assert fed(HEAD + framed(role)).first == 0


@pytest.mark.parametrize("thoughts", ["reasoning_content", "reasoning"])
def test_the_first_thought_is_the_first_token(thoughts: str) -> None:
    """A model that reasons before it answers has begun: others wait, or find no token at all."""

    def delta(**said: str) -> bytes:
        return framed(event({"choices": [{"index": 0, "delta": said}]}))

    subject = fed(
        HEAD + delta(role="assistant", content=""),
        delta(**{thoughts: "Hm"}),
        delta(**{thoughts: ", so"}),
        delta(content="42"),
        framed(event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})),
        framed(usage(10, 3)) + framed(DONE) + END,
    )
    assert subject.ending == Ending.COMPLETED
    assert (subject.first, subject.last) == (3_000, 5_000)
    assert subject.answer.chunks == 3


def test_events_read_together_share_their_moment_and_are_marked() -> None:
    ledger = Ledger()
    subject = fed(HEAD, framed(token("a") + token("b")) + framed(token("c")), ledger=ledger)
    assert subject.answer.chunks == 3
    assert subject.first_merged == 2
    assert list(ledger.gaps) == [FIRST, 0, 0]
    assert list(ledger.stamps) == [3_000] * 3


WHOLE = HEAD + b"".join(map(framed, [token("a"), token("b"), usage(10, 2), DONE])) + END


@given(st.lists(st.integers(1, len(WHOLE) - 1), unique=True))
def test_an_answer_ends_well_under_every_split_of_its_bytes(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(WHOLE)]
    subject = fed(*(WHOLE[a:b] for a, b in itertools.pairwise(places)))
    assert subject.ending == Ending.COMPLETED
    assert (subject.answer.chunks, subject.answer.output_tokens) == (2, 2)
    assert DUE < subject.first <= subject.last <= subject.end


def test_an_interim_reply_is_not_the_answer() -> None:
    subject = fed(b"HTTP/1.1 100 Continue\r\n\r\n", WHOLE)
    assert subject.ending == Ending.COMPLETED


def test_a_refusal_ends_with_its_status_and_the_servers_words() -> None:
    ledger = Ledger()
    subject = fed(refusal(503, "queue is full"), ledger=ledger)
    assert subject.ending == 503
    assert ledger.complaints == {"http_503": "queue is full"}


@pytest.mark.parametrize(
    ("pieces", "ending"),
    [
        ([HEAD, framed(DONE) + END], Ending.NO_TOKENS),
        ([HEAD, framed(usage(10, 0)) + framed(DONE) + END], Ending.NO_TOKENS),
        ([HEAD, END], Ending.NO_TOKENS),
        ([HEAD, framed(token("a")) + END], Ending.TRUNCATED),
        ([HEAD, framed(event({"error": {"message": "x"}})) + END], Ending.ERROR_EVENT),
        ([HEAD, framed(token("a")), framed(event({"error": "x"})) + END], Ending.ERROR_EVENT),
        ([b"SSH-2.0-OpenSSH\r\n"], Ending.BAD_RESPONSE),
        ([refusal(200, "not really")], Ending.BAD_RESPONSE),
        ([HEAD + b"zz\r\n"], Ending.BAD_RESPONSE),
    ],
)
def test_every_bad_answer_is_told_apart(pieces: list[bytes], ending: Ending) -> None:
    ledger = Ledger()
    subject = fed(*pieces, ledger=ledger)
    assert subject.ending == ending
    assert list(ledger.complaints) == [str(ending)]


def test_an_answer_may_finish_without_done() -> None:
    subject = fed(HEAD, framed(token("a", finish="stop")) + END)
    assert subject.ending == Ending.COMPLETED


def test_a_connection_lost_before_the_head_is_a_reset() -> None:
    subject = exchange()
    subject.lost(2_000, "gone")
    assert subject.ending == Ending.CONNECTION_RESET
    assert subject.unanswered


def test_half_a_head_is_no_longer_unanswered() -> None:
    subject = fed(HEAD[:20])
    subject.lost(9_000, "gone")
    assert subject.ending == Ending.CONNECTION_RESET
    assert not subject.unanswered


def test_a_connection_lost_in_the_middle_truncates() -> None:
    subject = fed(HEAD, framed(token("a")))
    subject.lost(9_000, "gone")
    assert subject.ending == Ending.TRUNCATED
    assert subject.end == 9_000


def test_an_answer_delimited_by_the_connections_end_is_complete_if_it_says_so() -> None:
    head = b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    subject = fed(head, token("a"), DONE)
    assert subject.ending is None
    subject.lost(9_000, "the server closed the connection")
    assert subject.ending == Ending.COMPLETED
    assert not subject.keeps_alive


def test_done_is_the_end_even_if_the_last_chunk_never_comes() -> None:
    subject = fed(HEAD, framed(token("a")) + framed(DONE))
    subject.lost(9_000, "gone")
    assert subject.ending == Ending.COMPLETED


def test_connection_close_is_obeyed() -> None:
    head = HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert not fed(head, framed(token("a", finish="stop")) + END).keeps_alive


def test_without_usage_the_counts_are_unknown_not_zero() -> None:
    subject = fed(HEAD, framed(token("a")) + framed(DONE) + END)
    row = table(np.array(subject.row(), dtype=np.int64).tobytes())[0]
    assert (int(row["prompt_tokens"]), int(row["output_tokens"])) == (-1, -1)


def test_a_refusal_is_kept_only_so_far() -> None:
    ledger = Ledger()
    subject = exchange(ledger)
    subject.feed(b"HTTP/1.1 500 No\r\nContent-Length: 10000000\r\n\r\n", 2_000, 0)
    for _ in range(100):
        subject.feed(b"x" * 100_000, 3_000, 0)
    assert subject.ending == 500
    assert len(ledger.complaints["http_500"]) <= 300
