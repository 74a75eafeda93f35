"""The forecast that a form shows while a task is written."""

import pytest

from core.report.forecast import forecast
from core.task import parse_task

HEAD = "task_name: t\nmodel: {id_or_path: llama-3.1-8b}\nbase_runtime: simulated\n"


async def told(addition: str, head: str = HEAD) -> str:
    found = await forecast(parse_task(head + addition))
    return found.plan.headline if found.plan else "\n".join(found.problems)


@pytest.mark.parametrize(
    ("addition", "expected"),
    [
        ("parameters: {page-size: [1, 16]}", "2 configurations, about "),
        ("presets: [simulated-throughput]", "8 configurations, about "),
        ("parallel_config: {tp: [1, 2, 4]}", "3 configurations, about "),
        ("", "nothing to tune"),
        ("parameters: {page-sise: [1]}", "parameters.page-sise: simulated"),
        ("presets: [nothing]", "'nothing' is no preset"),
    ],
)
async def test_a_task_is_told_in_a_phrase(addition: str, expected: str) -> None:
    assert expected in await told(addition)


async def test_an_engine_or_a_model_that_there_is_not() -> None:
    text = "parameters: {page-size: [1]}"
    assert "'x' is no engine" in await told(text, HEAD.replace("simulated", "x"))
    assert "is no model" in await told(text, HEAD.replace("llama-3.1-8b", "x"))
