"""Nonsense instead of a task file: one line for each mistake, and nothing but a TaskError."""

import io
import json
import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from core.errors import TaskError
from core.task import Task, finite_values, parse_task, read_preset, read_task

SMALLEST = "task_name: t\nmodel: {id_or_path: m}\nbase_runtime: simulated\n"

ODD_NUMBERS = [0, -1, 1, 10**19, -(10**400), 1e300, math.nan, math.inf, 0.5, True]
ODD_TEXTS = ["", " ", "\n", "\x1b[31m", "é", "\u2028", "D(1,2)", "auto", "null", "9" * 500, "${x}"]

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(ODD_NUMBERS),
    st.sampled_from(ODD_TEXTS),
)
KNOWN_KEYS = st.sampled_from(
    sorted(
        {
            *Task.model_fields,
            *(
                name
                for field in Task.model_fields.values()
                if hasattr(field.annotation, "model_fields")
                for name in field.annotation.model_fields  # type: ignore[union-attr]
            ),
            *("p90", "threshold", "type", "values", "low", "high", "when", "preset", "name"),
        }
    )
)
KEYS = st.one_of(KNOWN_KEYS, st.text(max_size=8))
DOCUMENTS = st.recursive(
    SCALARS,
    lambda part: st.lists(part, max_size=4) | st.dictionaries(KEYS, part, max_size=5),
    max_leaves=20,
)
SPACES = (
    st.dictionaries(
        st.sampled_from(["type", "values", "choices", "low", "high", "step", "log", "when"]),
        st.sampled_from(["integer", "continuous", "choice"]) | DOCUMENTS,
        max_size=5,
    )
    | DOCUMENTS
)
TASKS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys([*Task.model_fields, "storage", "x\ny"], DOCUMENTS)
)


def outcome(text: str) -> list[str]:
    """Read a text and return what was told, which is always of single lines."""
    try:
        told = list(parse_task(text, "t.yaml").notices)
    except TaskError as error:
        told = error.problems or [""]
    for line in told:
        assert line.startswith("t.yaml")
        assert line.isprintable()
        assert len(line) < 700
    return told


@given(TASKS)
def test_any_json_is_a_task_or_a_list_of_mistakes(document: dict) -> None:
    outcome(json.dumps(document))


@given(TASKS)
def test_any_json_around_a_good_task(document: dict) -> None:
    good = {"task_name": "t", "model": {"id_or_path": "m"}, "base_runtime": "simulated"}
    outcome(json.dumps({**good, **document}))


@given(TASKS)
def test_any_yaml_is_a_task_or_a_list_of_mistakes(document: dict) -> None:
    buffer = io.StringIO()
    try:
        YAML(typ="safe", pure=True).dump(document, buffer)
    except Exception:  # what ruamel cannot write is no file to read
        return
    outcome(buffer.getvalue())


@given(st.lists(st.sampled_from(list("[]{}:,-&*!|>'\"%@`#?\n\t \\ax1~<\ufeff\r")), max_size=40))
def test_any_heap_of_yaml_signs(signs: list[str]) -> None:
    outcome("".join(signs))
    outcome(SMALLEST + "parameters: " + "".join(signs))


@given(st.binary(max_size=60))
def test_any_bytes(content: bytes) -> None:
    text = SMALLEST.encode() + content
    try:
        outcome(text.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return


@given(SPACES)
def test_a_task_that_is_accepted_can_be_kept_and_counted(value: object) -> None:
    good = {"task_name": "t", "model": {"id_or_path": "m"}, "base_runtime": "simulated"}
    try:
        task = parse_task(json.dumps({**good, "parameters": {"x": value}, "other": value})).task
    except TaskError:
        return
    assert Task.model_validate_json(task.model_dump_json()) == task
    for space in task.parameters.values():
        assert len(finite_values(space)) <= 1000


@pytest.mark.parametrize(
    ("addition", "told"),
    [
        ("description: !!python/object:os.system x", "is no valid YAML"),
        ("description: !!binary aGVsbG8=", "is a bytes; write it as text"),
        ("description: 2024-01-01", "is a date; write it as text"),
        ("description: !!set {a, b}", "write it as text"),
        ("description: !unheard of", "is no valid YAML"),
        ("1: one", "has a key that is no text: 1"),
        ("? [a, b]\n: one", "has a key that is no text"),
        ("optimization: {seed: .nan}", "optimization.seed: is no number"),
        ("optimization: {seed: 99999999999999999999}", "is no number that anything"),
        ("optimization: {seed: 1e999}", "is no number that anything"),
        ("description: |\n\ttab\n a\n\tb", "t.yaml"),
        ("a: 1\n---\nb: 2", "t.yaml"),
        ("description: *nowhere", "is no valid YAML: found undefined alias"),
        ("description: &a [*a]", "refers to itself"),
        ('description: "a\\0b"', "holds a NUL"),
        ("description: " + "[" * 40 + "]" * 40, "nested too deeply"),
        ("%YAML 9.9\n---\na: 1", "t.yaml"),
    ],
)
def test_what_yaml_can_express_and_a_task_cannot(addition: str, told: str) -> None:
    lines = outcome(SMALLEST + addition)
    assert len(lines) == 1
    assert told in lines[0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": NaN}', "NaN is no number"),
        ('{"a": Infinity}', "Infinity is no number"),
        ('{"a": "\\ud800"}', "half of a surrogate pair"),
        ('{"\\u0000": 1}', "holds a NUL"),
        ('{"a": ' + "9" * 5000 + "}", "cannot be parsed"),
        ('{"a":' * 40 + "1" + "}" * 40, "nested too deeply"),
        ('{"a":' * 900 + "1" + "}" * 900, "nested too deeply"),
        ('{"a": 1} x', "is no valid JSON: Extra data"),
        ("{a: 1}", "is no valid JSON"),
    ],
)
def test_what_json_can_express_and_a_task_cannot(text: str, told: str) -> None:
    (line,) = outcome(text)
    assert told in line


@pytest.mark.parametrize("merge", [False, True])
def test_a_few_lines_cannot_stand_for_millions_of_values(merge: bool) -> None:
    lines = ["a0: &a0 {x: 1}" if merge else "a0: &a0 [1, 2]"]
    for n in range(1, 30):
        again = ", ".join([f"*a{n - 1}"] * 9)
        lines.append(f"a{n}: &a{n} " + (f"{{<<: [{again}]}}" if merge else f"[{again}]"))
    (line,) = outcome("\n".join(lines))
    assert "holds more than" in line or "nested too deeply" in line


def test_line_ends_byte_order_marks_and_tabs_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALLEST.replace("\n", "\r\n").encode())
    assert read_task(path).task.task_name == "t"
    path.write_text('{\n\t"task_name": "t",\n\t"model": {"id_or_path": "m"},\n\t"x": 0}')
    with pytest.raises(TaskError, match="base_runtime: is missing"):
        read_task(path)


def test_a_long_value_is_not_repeated_in_full() -> None:
    (line,) = outcome(SMALLEST + f"optimization: {{strategy: {'x' * 5000}}}")
    assert len(line) < 300


def test_a_message_is_one_line_whatever_is_in_the_file() -> None:
    (line,) = outcome(SMALLEST + 'optimization: {strategy: "a\\nb\\e[31m"}')
    assert "'a\\nb\\x1b[31m' is not one of" in line


@pytest.mark.parametrize("read", [read_task, read_preset])
def test_what_is_no_file_of_text(tmp_path: Path, read) -> None:  # type: ignore[no-untyped-def]
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "huge").open("wb") as huge:
        huge.truncate(100 * 2**20)
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    (tmp_path / "secret").write_text("x")
    for name, told in [
        ("pipe", "is no regular file"),
        ("huge", "is larger than 256 KiB"),
        ("binary", "is not UTF-8"),
        ("circle", "cannot be read"),
        ("none", "no such file"),
        (".", "is a folder"),
        ("secret/below", "cannot be read"),
        ("n" * 300, "cannot be read"),
        ("nul\0", "is no path"),
    ]:
        with pytest.raises(TaskError) as caught:
            read(tmp_path / name)
        (line,) = caught.value.problems
        assert told in line
    for device in ("/dev/null", "/dev/zero", "/dev/tty"):
        with pytest.raises(TaskError, match="is no regular file"):
            read(Path(device))
