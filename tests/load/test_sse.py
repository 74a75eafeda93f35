"""Streams of events, in every shape a server may give them, under every split of bytes."""

import itertools
import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.load.sse import Answer, error_message

TEXTS = st.text(max_size=12) | st.sampled_from(
    ['"', "\\", '\\"', "\n\n", "data: ", " the", "é", "</s>"]
)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@dataclass(frozen=True)
class Said:
    """What a stream amounts to."""

    chunks: int = 0
    text: str = ""
    finished: bool = False
    done: bool = False
    prompt_tokens: int | None = None
    output_tokens: int | None = None


def completion(text: str, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": None} | more
    return {"id": "cmpl-1", "object": "text_completion", "choices": [choice], "usage": None}


def chat(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"id": "c-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def usage(prompt: int, output: int) -> dict[str, Any]:
    counts = {"prompt_tokens": prompt, "completion_tokens": output}
    return {"id": "c-1", "choices": [], "usage": counts}


EVENTS = st.one_of(
    TEXTS.map(lambda text: ("text", completion(text), text)),
    TEXTS.map(lambda text: ("text", chat({"content": text}), text)),
    TEXTS.map(lambda text: ("text", chat({"content": None, "reasoning_content": text}), text)),
    TEXTS.map(lambda text: ("text", chat({"content": "", "reasoning": text}), text)),
    st.just(("role", chat({"role": "assistant", "content": ""}), "")),
    st.just(("finish", chat({}, "length"), "")),
    st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda n: ("usage", usage(*n), n)),
    st.just(("tool", chat({"tool_calls": [{"index": 0}]}), "")),
    st.just(("comment", None, "")),
    st.just(("done", None, "")),
)


def expected(events: list[Any]) -> Said:
    said = Said()
    for kind, _, value in events:
        match kind:
            case "text" if value:
                said = replace(said, chunks=said.chunks + 1, text=said.text + value)
            case "tool":
                said = replace(said, chunks=said.chunks + 1)
            case "finish":
                said = replace(said, finished=True)
            case "usage":
                said = replace(said, prompt_tokens=value[0], output_tokens=value[1])
            case "done":
                said = replace(said, done=True)
    return said


def written(events: list[Any], end: str, *, spaced: bool, ascii_only: bool) -> bytes:
    lines = []
    for kind, said, _ in events:
        if kind == "comment":
            lines += [": keep-alive", ""]
        elif kind == "done":
            lines += ["data: [DONE]", ""]
        else:
            separators = (", ", ": ") if spaced else (",", ":")
            text = json.dumps(said, separators=separators, ensure_ascii=ascii_only)
            lines += [f"data: {text}" if spaced else f"data:{text}", ""]
    return "".join(line + end for line in lines).encode()


def what_it_said(answer: Answer) -> Said:
    return Said(
        answer.chunks,
        answer.text,
        answer.finished,
        answer.done,
        answer.prompt_tokens,
        answer.output_tokens,
    )


@given(
    st.lists(EVENTS, max_size=8), ENDS, st.booleans(), st.booleans(), st.lists(st.integers(0, 2000))
)
def test_a_stream_means_the_same_however_its_bytes_are_split(
    events: list[Any], end: str, spaced: bool, ascii_only: bool, cuts: list[int]
) -> None:
    stream = written(events, end, spaced=spaced, ascii_only=ascii_only)
    places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    for keep_text in (True, False):
        answer = Answer(keep_text=keep_text)
        counted = sum(answer.feed(stream[a:b]) for a, b in itertools.pairwise(places))
        counted += answer.close()
        assert answer.error is None
        assert counted == answer.chunks
        wanted = expected(events)
        assert what_it_said(answer) == (wanted if keep_text else replace(wanted, text=""))


@given(st.lists(TEXTS, min_size=1, max_size=12), st.booleans())
def test_events_that_differ_only_in_their_text_are_counted_like_parsed_ones(
    texts: list[str], together: bool
) -> None:
    pieces = [f"data: {json.dumps(completion(text))}\n\n".encode() for text in texts]
    answer = Answer()
    for piece in [b"".join(pieces)] if together else pieces:
        answer.feed(piece)
    assert answer.chunks == sum(1 for text in texts if text)


def test_a_familiar_event_with_something_new_in_it_is_parsed() -> None:
    answer = Answer()
    plain = completion("a")
    answer.feed(f"data: {json.dumps(plain)}\n\n".encode())
    ending = completion("b", finish_reason="length")
    assert answer.feed(f"data: {json.dumps(ending)}\n\n".encode()) == 1
    assert answer.finished
    sneaky = {"choices": [{"text": "x", "finish_reason": "stop", "more": "y"}]}
    learnt = {"choices": [{"text": "x"}]}
    answer = Answer()
    answer.feed(f"data: {json.dumps(learnt)}\n\n".encode())
    answer.feed(f"data: {json.dumps(sneaky)}\n\n".encode())
    assert answer.finished
    assert answer.chunks == 2


def test_usage_in_every_event_is_kept_up_to_date() -> None:
    answer = Answer()
    for tokens in (1, 2, 3):
        said = completion("x") | {"usage": {"prompt_tokens": 7, "completion_tokens": tokens}}
        answer.feed(f"data: {json.dumps(said)}\n\n".encode())
    assert (answer.prompt_tokens, answer.output_tokens, answer.chunks) == (7, 3, 3)


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (
            b'data: {"error": {"message": "CUDA out of memory", "code": 500}}\n\n',
            "CUDA out of memory",
        ),
        (b'data: {"error": "no slot"}\n\n', "no slot"),
        (b'data: {"object": "error", "message": "too long"}\n\n', "too long"),
        (b'error: {"code":500,"message":"context shift is off"}\n\n', "context shift is off"),
        (b"event: error\ndata: it broke\n\n", "it broke"),
        (b"data: {half\n\n", "an event is no JSON object: {half"),
        (b"data: 17\n\n", "an event is no JSON object: 17"),
    ],
)
def test_an_error_in_the_stream_is_told_in_the_servers_words(stream: bytes, message: str) -> None:
    answer = Answer()
    answer.feed(stream)
    assert answer.error == message
    assert answer.chunks == 0


def test_the_last_event_counts_without_its_blank_line() -> None:
    answer = Answer()
    answer.feed(b"data: [DONE]\n")
    assert not answer.done
    answer.close()
    assert answer.done


def test_an_event_may_spread_its_data_over_lines_and_carry_other_fields() -> None:
    answer = Answer()
    answer.feed(b'id: 4\nretry: 10\ndata: {"choices":\ndata: [{"text": "x"}]}\n\n')
    assert answer.chunks == 1


@pytest.mark.parametrize(
    "said",
    ["{}", '{"choices": null}', '{"choices": [null]}', '{"choices": [{}]}', '{"usage": 4}',
     '{"choices": [{"delta": null}]}', '{"choices": [{"text": null}]}', '{"usage": {}}'],
)  # fmt: skip
def test_odd_but_harmless_events_are_no_content_and_no_error(said: str) -> None:
    answer = Answer()
    answer.feed(f"data: {said}\n\n".encode())
    assert (answer.chunks, answer.error) == (0, None)


def test_a_stream_without_borders_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.load.sse.LONGEST_EVENT", 100)
    answer = Answer()
    for _ in range(30):
        answer.feed(b"x" * 10)
    assert answer.error == "the stream has no event borders"


def test_a_reason_is_dug_out_of_what_servers_wrap_it_in() -> None:
    assert error_message({"error": {"message": "m"}}, b"") == "m"
    assert error_message({"detail": [{"msg": "x"}]}, b"") == "[{'msg': 'x'}]"
    assert error_message(None, b"<html>Bad   Gateway</html>") == "<html>Bad Gateway</html>"
    assert error_message(None, b"") == "the server gave no reason"
    assert error_message({"code": 3}, b"") == '{"code": 3}'
    assert len(error_message({"error": "x" * 5000}, b"")) == 300
