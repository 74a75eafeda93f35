"""The printed result, at the widths that people have. `SNAPSHOTS=write` writes them anew."""

import io
import os
from pathlib import Path

import pytest

from core.report import Conclusion, print_result
from core.report.result import LONGEST_TABLE
from tests.report.runs import (
    DEFAULTS,
    OUT_OF_MEMORY,
    RADIX_ON,
    TEXT,
    chat_events,
    conclusion,
    measured,
    run_events,
    text_for,
)

SNAPSHOTS = Path(__file__).parent / "snapshots"


def printed(run: Conclusion, width: int, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="")
    print_result(run, stream, width=width)
    stream.flush()
    return raw.getvalue().decode(encoding)


def same_as_before(name: str, text: str) -> None:
    text = "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("SNAPSHOTS") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [80, 120])
def test_the_whole_result(width: int) -> None:
    same_as_before(f"result_{width}", printed(conclusion(chat_events()), width))


@pytest.mark.parametrize("width", [80, 120])
def test_a_result_without_slos(width: int) -> None:
    text = text_for("minimize_ttft")
    events = run_events(
        [
            measured(0, DEFAULTS, text=text, ttft=0.150),
            measured(1, RADIX_ON, text=text, ttft=0.148),
        ],
        text=text,
        simulated=False,
    )
    same_as_before(f"result_without_slos_{width}", printed(conclusion(list(events), text), width))


def test_a_result_in_ascii() -> None:
    text = printed(conclusion(chat_events()), 80, "ascii")
    assert text.isascii()
    same_as_before("result_ascii", text)


def test_a_run_under_way_has_a_result_so_far() -> None:
    events = chat_events()
    for end in range(0, len(events), 7):
        assert printed(conclusion(events[:end]), 80)
    same_as_before("result_under_way", printed(conclusion(events[:20]), 80))


def test_nothing_is_wider_than_the_terminal_but_what_is_copied() -> None:
    run = conclusion(chat_events())
    for width in (60, 80, 100, 120, 200):
        lines = printed(run, width).partition("Launch command")[0].splitlines()
        assert max(map(len, lines)) <= width


def test_a_word_of_the_command_is_never_broken() -> None:
    model = "/models/" + "x" * 200
    text = TEXT.replace("meta-llama/Llama-3-8B", model)
    events = run_events([measured(0, DEFAULTS, text=text)], text=text)
    assert model in printed(conclusion(list(events), text), 80).partition("Launch command")[2]


def test_no_colour_without_a_terminal() -> None:
    assert "\x1b" not in printed(conclusion(chat_events()), 80)


def test_of_very_many_experiments_the_best_are_shown() -> None:
    text = text_for("minimize_latency")
    experiments = [
        measured(n, {"page-size": n} if n else DEFAULTS, text=text, e2e=200.0 - n)
        for n in range(LONGEST_TABLE + 20)
    ]
    run = conclusion(list(run_events(experiments, text=text)), text)
    out = printed(run, 120)
    numbers = [int(line.split()[0]) for line in out.splitlines() if line.strip()[:1].isdigit()]
    assert numbers == [0, *range(20, LONGEST_TABLE + 19)]  # and the winner, which has a star
    assert "and 19 more that rank below" in out


def test_that_it_is_simulated_is_said_plainly() -> None:
    out = printed(conclusion(chat_events()), 80)
    assert "These figures are simulated" in out
    real = printed(conclusion(list(run_events([], simulated=False))), 80)
    assert "These figures are simulated" not in real


def test_what_is_launched_anew_or_fails_alike_is_told_once() -> None:
    text = text_for("maximize_throughput")
    long = {"page-size": 64, "a-flag-with-a-name-that-is-long": "and-a-long-value-of-its-own"}
    events = run_events(
        [
            measured(0, DEFAULTS, text=text),
            measured(1, long, text=text),
            measured(2, long, text=text),
            measured(3, {"page-size": 3}, text=text, failure=OUT_OF_MEMORY),
            measured(4, {"page-size": 4}, text=text, failure=OUT_OF_MEMORY),
        ],
        text=text,
    )
    table, _, rest = printed(conclusion(list(events), text), 80).partition("What went wrong")
    assert table.count("a-flag-with-a-name") == 1
    assert "as 1" in table
    assert rest.count("the KV cache does not fit") == 1
    assert "3, 4" in rest


def test_a_run_that_was_stopped_says_how_to_go_on() -> None:
    events = chat_events()
    assert "--resume" not in printed(conclusion(events), 80)
    stopped = events[-1].model_copy(update={"state": "cancelled"})
    assert "`autotuner --resume chat#2` goes on" in printed(conclusion([*events[:-1], stopped]), 80)


def test_a_pinned_task_is_held_against_its_record() -> None:
    text = f"{TEXT}expect: {{value: 9000, repeats: 3, noise: 0.01, engine_version: '0.9'}}\n"
    shown = printed(conclusion(chat_events(), text), 300)
    assert "Against its record: regression: " in shown
    assert "9,000 tok/s/GPU expected" in shown
    assert "(measured otherwise: engine version: 0.9 then, 1.0 now)." in shown
    assert "Against its record" not in printed(conclusion(chat_events()), 300)
