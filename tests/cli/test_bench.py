"""`autotuner bench URL` and `autotuner --target URL`, as a user types them."""

import asyncio
import json
import ssl
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.load.scripted import Asked, ScriptedServer, Step, answer, refusal

ROOT = Path(__file__).parents[2]
CERTIFICATE = ROOT / "tests" / "load" / "self_signed.pem"

QUICK = ("--model", "m", "--scenario", "D(20,8)", "--requests", "8", "--max-time", "20s")


def brisk(asked: Asked) -> Iterable[Step]:
    return answer(asked.tokens, ttft=0.1, itl=0.005, prompt=20)


async def autotuner(*words: str, home: Path, **environment: str) -> tuple[int, str, str]:
    """Run the program; return its status and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "core.cli",
        *words,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "AUTOTUNER_HOME": str(home)}
        | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_levels_are_measured_and_printed(tmp_path: Path) -> None:
    async with ScriptedServer(brisk) as server:
        status, out, err = await autotuner(
            "bench", server.url, *QUICK, "--concurrency", "1,2", home=tmp_path
        )
    assert (status, err) == (0, "")
    assert "D(20,8) × 1" in out
    assert "D(20,8) × 2" in out
    assert "TTFT" in out
    assert "output tok/s" in out
    assert not list(tmp_path.iterdir()), "a measurement leaves nothing behind"


async def test_json_has_every_figure_and_slos_decide_the_status(tmp_path: Path) -> None:
    async with ScriptedServer(brisk) as server:
        words = ("bench", server.url, *QUICK, "--concurrency", "2", "--json", "--slo")
        held, out, _ = await autotuner(*words, "ttft_p50=5", home=tmp_path)
        broken, _, _ = await autotuner(*words, "e2e_mean=0.001", home=tmp_path)
    (level,) = json.loads(out)["levels"]
    assert level["level"]["concurrency"] == 2
    assert level["requests"]["completed"] == 8
    assert level["goodput"] > 0
    assert level["client"]["floor"]["tokens_per_second"] > 0
    assert (held, broken) == (0, 1)


async def test_no_run_sends_the_prompts_of_another_unless_asked_to(tmp_path: Path) -> None:
    sent: list[set[str]] = []
    async with ScriptedServer(brisk) as server:
        words = ("bench", server.url, *QUICK, "--json")
        seed: tuple[str, ...] = ()
        for _ in range(3):
            before = len(server.asked)
            _, out, _ = await autotuner(*words, *seed, home=tmp_path)
            asked = [one.body for one in server.asked[before:]]
            sent.append({body["prompt"] for body in asked if body["stream"]})
            seed = ("--seed", str(json.loads(out)["seed"])) if len(sent) == 2 else ()
    first, second, again = sent
    assert not first & second
    assert second & again


async def test_everything_that_can_be_asked_reaches_the_requests(tmp_path: Path) -> None:
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "hello there"}\n{"prompt": "good day"}\n')
    async with ScriptedServer(brisk) as server:
        status, _, err = await autotuner(
            "bench",
            server.url,
            *QUICK,
            "--rate",
            "40",
            "--arrivals",
            "constant",
            "--chat",
            "--dataset",
            str(tmp_path / "prompts.jsonl"),
            "--param",
            "temperature=0",
            "--api-key-variable",
            "KEY",
            home=tmp_path,
            KEY="sesame",
        )
    assert (status, err) == (0, "")
    asked = server.asked[-1]
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == "bearer sesame"
    assert asked.body["temperature"] == 0
    assert {one.body["messages"][0]["content"] for one in server.asked} == {
        "hello there",
        "good day",
    }


async def test_a_task_measures_a_server_that_someone_else_runs_over_tls(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    task = tmp_path / "task.yaml"
    task.write_text(
        "task_name: t\nmodel: {id_or_path: m}\nbase_runtime: vllm\n"
        "benchmark: {model_name: m, traffic_scenarios: [D(20,8)], num_concurrency: [2],\n"
        "  max_requests_per_iteration: 8, max_time_per_iteration: 20s}\n"
        "slo: {ttft: {p50: 5}}\n"
    )
    async with ScriptedServer(brisk, tls=context) as server:
        refused, _, said = await autotuner(
            "--run", str(task), "--target", server.url, home=tmp_path
        )
        status, out, err = await autotuner(
            "bench", server.url, "--task", str(task), "--insecure", home=tmp_path
        )
    assert refused == 3
    assert "certificate" in said
    assert (status, err) == (0, "")
    assert "TTFT P50" in out


async def test_the_largest_load_is_found(tmp_path: Path) -> None:
    under_way = 0

    def crowded(asked: Asked) -> Iterable[Step]:
        """Begin an answer the later, the more are under way."""
        nonlocal under_way
        under_way += 1
        try:
            yield 0.05 if under_way <= 3 else 0.3
            yield from answer(asked.tokens, itl=0.005, prompt=20)
        finally:
            under_way -= 1

    async with ScriptedServer(crowded) as server:
        words = ("bench", server.url, *QUICK, "--largest", "concurrency", "--slo", "ttft_p50=0.15")
        status, out, err = await autotuner(*words, "--task", str(_rules(tmp_path)), home=tmp_path)
    assert status == 0, (out, err)
    assert "a load of 8 breaks the SLOs" in err
    found = [line for line in out.splitlines() if line.startswith("largest load")]
    assert found
    assert int(found[0].split("SLOs: ")[1].split()[0]) in {3, 4, 5, 6, 7}


def _rules(folder: Path) -> Path:
    task = folder / "rules.yaml"
    task.write_text(
        "task_name: t\nmodel: {id_or_path: m}\nbase_runtime: vllm\n"
        "benchmark: {load_search: {first: 8, most: 16, repeats: 0}}\n"
    )
    return task


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("--concurrency", "0"), 2, "num_concurrency[0]: must be at least 1"),
        (("--concurrency", "many"), 2, "'many' is no list of whole numbers"),
        (("--rate", "1e9"), 2, "request_rate[0]: must be at most 100,000"),
        (("--scenario", "D(1;2)"), 2, "'D(1;2)' is no traffic scenario"),
        (("--gpus", "0"), 2, "'0' is no whole number above 0"),
        (("--scenario", "D(20,0)"), 2, "the answer length of 0 tokens is below 1"),
        (("--slo", "speed=3"), 2, "'speed=3' is no SLO"),
        (("--slo", "ttft_p90=-1"), 2, "a number of seconds above 0"),
        (("--largest", "rate"), 2, "needs an SLO"),
        (("--turns", "3", "--rate", "2"), 2, "held in closed loop"),
        (("--dataset", "x", "--prefix", "9"), 2, "give one"),
        (("--param", "temperature"), 2, "write name=value"),
        (("--task", "none.yaml"), 2, "none.yaml: there is no such file"),
        (("--api-key-variable", "NO_SUCH_KEY"), 2, "$NO_SUCH_KEY is not set"),
        (("--model", "m", "--dataset", "none.jsonl"), 3, "none.jsonl cannot be read"),
        (("--model", "m", "--trace", "none.jsonl"), 3, "none.jsonl cannot be read"),
    ],
)
async def test_nonsense_is_told_in_a_line(
    words: tuple[str, ...], status: int, told: str, tmp_path: Path
) -> None:
    async with ScriptedServer(brisk) as server:
        got, out, err = await autotuner("bench", server.url, *words, home=tmp_path)
    assert told in err
    assert (got, out) == (status, "")
    assert err.startswith("autotuner: ")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "url",
    ["localhost:8000", "ftp://x", "http://", "http://h:70000", "http://h:http", "http://h?x=1"],
)
async def test_what_is_no_url_is_told(url: str, tmp_path: Path) -> None:
    status, _, err = await autotuner("bench", url, home=tmp_path)
    assert (status, err.count("\n")) == (2, 1)
    assert "base URL" in err


async def test_a_server_that_fails_is_told_in_its_own_words(tmp_path: Path) -> None:
    def refusing(asked: Asked) -> Iterable[Any]:
        yield refusal(503, "no capacity today")

    async with ScriptedServer(refusing) as server:
        status, _, err = await autotuner("bench", server.url, *QUICK, home=tmp_path)
    assert status == 3
    assert "no capacity today" in err
