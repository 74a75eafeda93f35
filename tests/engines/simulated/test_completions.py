"""Request bodies and answers, without a socket."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engines.simulated.answers import WORDS, Answer
from core.engines.simulated.completions import (
    ANSWER_TOKENS,
    MESSAGE_TOKENS,
    Ask,
    RequestError,
    read_ask,
    read_body,
    read_messages,
    read_prompt,
    tokenize,
)
from core.engines.simulated.prefix_cache import TOKEN_BYTES

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["prompt", "messages", "max_tokens", "min_tokens", "n", "stream", "stream_options"]


def asked(*, chat: bool = False, **fields: Any) -> Ask:
    prompt = {"messages": [{"role": "user", "content": "hi"}]} if chat else {"prompt": "a b c"}
    return read_ask({**prompt, **fields}, chat=chat)


def answer(ask: Ask, limit: int) -> Answer:
    return Answer(ask, limit, identity=7, model="m", created=1)


def events(body: bytes) -> list[dict[str, Any]]:
    """The JSON of a stream's events, chunk by chunk."""
    head, _, body = body.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    found = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        chunk, body = rest[: int(size, 16)], rest[int(size, 16) :]
        assert body.startswith(b"\r\n")
        body = body[2:]
        if chunk:
            assert chunk.startswith(b"data: ")
            assert chunk.endswith(b"\n\n")
            found.append(chunk[6:-2])
    assert found.pop() == b"[DONE]"
    return [json.loads(event) for event in found]


def streamed(written: Answer) -> list[dict[str, Any]]:
    words = b"".join(written.word(place) for place in range(written.length - 1))
    return events(written.opening() + words + written.closing())


@given(st.lists(st.text(alphabet="abc\u00e4\u4e2d", min_size=1), max_size=30))
def test_a_word_is_a_token(words: list[str]) -> None:
    assert len(tokenize(" ".join(words))) == len(words) * TOKEN_BYTES
    assert tokenize("\n" + "  \t".join(words)) == tokenize(" ".join(words))


def test_the_chat_template_costs_what_it_says() -> None:
    messages = [{"role": "system", "content": "a b"}, {"role": "user", "content": "c"}]
    tokens = read_messages(messages)
    assert len(tokens) == (2 * MESSAGE_TOKENS + 3 + ANSWER_TOKENS) * TOKEN_BYTES
    parts = [{"role": "system", "content": [{"type": "text", "text": "a b"}]}, messages[1]]
    assert read_messages(parts) == tokens


def test_a_conversation_that_goes_on_begins_with_its_earlier_turns() -> None:
    ask = asked(chat=True, max_tokens=100)
    written = answer(ask, 100)
    text = json.loads(written.whole())["choices"][0]["message"]["content"]
    further = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": text},
        {"role": "user", "content": "more"},
    ]
    assert read_messages(further).startswith(written.tokens)


@pytest.mark.parametrize("prompt", ["a b c", ["a b c"], [1, 2, 3], [[1, 2, 3]]])
def test_a_prompt_may_be_text_or_tokens(prompt: Any) -> None:
    assert len(read_prompt(prompt)) == 3 * TOKEN_BYTES


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"prompt": None}, "prompt must be"),
        ({"prompt": 3}, "prompt must be"),
        ({"prompt": ["a", "b"]}, "prompt must be"),
        ({"prompt": [1, True]}, "prompt must be"),
        ({"prompt": [-1]}, "out of range"),
        ({"prompt": "   "}, "The prompt is empty"),
        ({"max_tokens": 0}, "max_tokens must be a whole number, at least 1"),
        ({"max_tokens": "10"}, "max_tokens must be a whole number"),
        ({"max_tokens": 1.5}, "max_tokens must be a whole number"),
        ({"min_tokens": -1}, "min_tokens must be a whole number, at least 0"),
        ({"stream": "yes"}, "stream must be true or false"),
        ({"n": 2}, "n must be 1"),
        ({"stream_options": [1]}, "stream_options must be an object"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        asked(**fields)


@pytest.mark.parametrize(
    "messages", [None, [], "hi", [1], [{"content": "hi"}], [{"role": "user", "content": 3}]]
)
def test_wrong_messages_are_refused(messages: Any) -> None:
    with pytest.raises(RequestError):
        read_messages(messages)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5), st.booleans())
def test_any_body_is_understood_or_refused(fields: dict[str, Any], chat: bool) -> None:
    with suppress(RequestError):
        assert read_ask(fields, chat=chat).prompt > 0


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(RequestError):
        assert isinstance(read_body(body), dict)


@pytest.mark.parametrize("chat", [False, True])
def test_a_stream_holds_as_many_words_as_tokens(chat: bool) -> None:
    ask = asked(chat=chat, stream=True, stream_options={"include_usage": True}, ignore_eos=True)
    *chunks, usage = streamed(answer(ask, 150))
    texts = [
        choice["delta"]["content"] if chat else choice["text"]
        for chunk in chunks
        for choice in chunk["choices"]
    ]
    if chat:
        assert texts.pop(0) == ""
    assert len("".join(texts).split()) == len(texts) == 150
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in chunks]
    assert reasons == [None] * (len(chunks) - 1) + ["length"]
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] == 150
    assert usage["usage"]["prompt_tokens"] == ask.prompt
    assert {chunk["usage"] for chunk in chunks} == {None}


def test_without_asking_no_usage_is_streamed() -> None:
    chunks = streamed(answer(asked(stream=True, ignore_eos=True), 3))
    assert len(chunks) == 3
    assert all("usage" not in chunk for chunk in chunks)


@pytest.mark.parametrize("chat", [False, True])
def test_the_whole_answer_is_the_streamed_one(chat: bool) -> None:
    whole = json.loads(answer(asked(chat=chat, ignore_eos=True), 70).whole())
    choice = whole["choices"][0]
    text = choice["message"]["content"] if chat else choice["text"]
    assert len(text.split()) == whole["usage"]["completion_tokens"] == 70
    chunks = streamed(answer(asked(chat=chat, ignore_eos=True, stream=True), 70))
    parts = [
        chunk["choices"][0]["delta"]["content"] if chat else chunk["choices"][0]["text"]
        for chunk in chunks
    ]
    assert "".join(parts) == text


@given(st.integers(1, 3000), st.integers(0, 3000), st.lists(st.integers(0, 9), min_size=1))
def test_an_answer_ends_where_it_may(limit: int, least: int, prompt: list[int]) -> None:
    exact = asked(prompt=prompt, ignore_eos=True)
    free = asked(prompt=prompt, min_tokens=least)
    assert exact.answer(limit) == limit
    assert min(least, limit) <= free.answer(limit) <= limit
    assert free.answer(limit) >= 1


def test_answers_that_end_by_themselves_differ_in_length_and_say_stop() -> None:
    lengths = [asked(prompt=f"question {i}").answer(100_000) for i in range(300)]
    assert 120 < sum(lengths) / 300 < 300
    assert len(set(lengths)) > 100
    whole = json.loads(answer(asked(prompt="question 1"), 100_000).whole())
    assert whole["choices"][0]["finish_reason"] == "stop"


def test_all_words_are_different_and_equally_long() -> None:
    assert len(set(WORDS)) == len(WORDS)
    assert {len(word) for word in WORDS} == {5}
