"""Prompts out of every form of record, and files in every packing."""

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import HostError, UsageError
from core.load.datasets import Sample, as_text, samples
from core.load.files import fetch, is_url, records
from tests.load.scripted import ScriptedServer

MESSAGES = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("record", "sample"),
    [
        ({"prompt": "hi", "output_tokens": 7}, Sample("hi", 7)),
        ({"question": "hi", "max_tokens": "9"}, Sample("hi", 9)),
        ({"prompt": "hi", "output_tokens": "x"}, Sample("hi")),
        ({"messages": MESSAGES}, Sample(MESSAGES)),
        ({"messages": [*MESSAGES, {"role": "assistant", "content": "yo"}]}, Sample(MESSAGES)),
        (
            {"conversations": [{"from": "gpt", "value": "yo"}, {"from": "human", "value": "hi"}]},
            Sample("hi"),
        ),
        ({"request_body": json.dumps({"prompt": "hi", "max_tokens": 3})}, Sample("hi")),
        ({"request_body": json.dumps({"messages": MESSAGES})}, Sample(MESSAGES)),
        ({"request_body": "just text"}, Sample("just text")),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, {}]}]},
            Sample([{"role": "user", "content": "hi\n"}]),
        ),
    ],
)
def test_every_form_of_record_is_understood(record: dict[str, Any], sample: Sample) -> None:
    found, rejected = samples([record], deduplicate=True)
    assert (found, rejected) == ([sample], 0)


@pytest.mark.parametrize(
    "record",
    [{}, {"prompt": ""}, {"prompt": 4}, {"messages": []}, {"conversations": "x"},
     {"messages": [{"role": "assistant", "content": "yo"}]}, {"conversations": [{"from": "gpt"}]}],
)  # fmt: skip
def test_a_record_without_a_prompt_is_counted_not_guessed(record: dict[str, Any]) -> None:
    assert samples([record], deduplicate=True) == ([], 1)


def test_repeated_prompts_are_dropped_only_when_asked() -> None:
    twice = [{"prompt": "a"}, {"prompt": "b"}, {"prompt": "a"}]
    assert len(samples(twice, deduplicate=True)[0]) == 2
    assert len(samples(twice, deduplicate=False)[0]) == 3


def test_messages_become_text_where_there_are_no_messages() -> None:
    assert as_text(MESSAGES) == "be brief\nhi"
    assert as_text("hi") == "hi"


LINES = b'{"prompt": "a"}\n\n{"prompt": "b"}\n'


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.md", "no")
        archive.writestr("data/rows.jsonl", LINES)


def _tar(path: Path) -> None:
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("rows.jsonl")
        info.size = len(LINES)
        archive.addfile(info, io.BytesIO(LINES))


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("x.jsonl", lambda path: path.write_bytes(LINES)),
        ("x.json", lambda path: path.write_text('[{"prompt": "a"}, "b"]')),
        ("x.csv", lambda path: path.write_text('id,prompt\n1,a\n2,"b"\n')),
        ("x.txt", lambda path: path.write_text("a\n\nb\n")),
        ("x.jsonl.gz", lambda path: path.write_bytes(gzip.compress(LINES))),
        ("x.zip", _zip),
        ("x.tar.gz", _tar),
        ("bom.jsonl", lambda path: path.write_bytes(b"\xef\xbb\xbf" + LINES)),
    ],
)
def test_every_kind_of_file_is_read(
    tmp_path: Path, name: str, write: Callable[[Path], None]
) -> None:
    write(tmp_path / name)
    assert [record["prompt"] for record in records(tmp_path / name)] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("x.jsonl", b"{half", UsageError),
        ("x.json", b"\xff\xfe", UsageError),
        ("x.zip", b"no zip", HostError),
        ("x.gz", b"no gzip", HostError),
        ("x.tar", b"no tar", HostError),
    ],
)
def test_a_broken_file_is_one_clear_line(
    tmp_path: Path, name: str, content: bytes, error: type[Exception]
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=name) as caught:
        list(records(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_an_archive_without_data_are_told(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"none\.jsonl"):
        list(records(tmp_path / "none.jsonl"))
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("readme.md", "no")
    with pytest.raises(UsageError, match="holds no"):
        list(records(tmp_path / "x.zip"))


def test_a_file_that_swells_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress(LINES * 1000))
    with pytest.raises(HostError, match="smaller"):
        list(records(tmp_path / "x.jsonl.gz", most_bytes=1000))


async def test_a_file_that_cannot_be_fetched_is_told(tmp_path: Path) -> None:
    async with ScriptedServer() as server:
        url = f"{server.url}/rows.jsonl"
    assert is_url(url)
    assert not is_url("/data/rows.jsonl")
    with pytest.raises(HostError, match=r"rows\.jsonl cannot be fetched"):
        await fetch(url, tmp_path)
