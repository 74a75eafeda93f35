"""The report as Markdown and on a terminal."""

import io
import json
import re

from core.events import Argument, ServerAccount, ServerDescribed, ServerLaunched
from core.report import Conclusion, findings
from core.report.blocks import Bullets, Code, Grid, Words, blocks
from core.report.comparison_table import comparison
from core.report.export import to_json
from core.report.html import html_page
from core.report.markdown import to_markdown
from core.report.terminal import print_blocks, to_text
from tests.report.published import published
from tests.report.runs import chat_events, conclusion
from tests.report.served import served


def markdown(run: Conclusion) -> str:
    return to_markdown(blocks(run, findings(run)))


def test_markdown_tells_what_the_page_tells() -> None:
    text = markdown(served())
    for said in (
        "Experiment 18 is 51.6 % better", "## Which flags matter", "## Why experiments failed",
        "`disable-radix-cache` true instead of false: E2E P90", "| GPU driver | 570.124.06 |",
    ):  # fmt: skip
        assert said in text


def test_every_table_of_markdown_has_one_width() -> None:
    for table in re.findall(r"(?:^\|.*\|\n)+", markdown(served()), re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(widths) == 1


def test_what_the_servers_ran_with_stands_in_every_format() -> None:
    events = []
    for event in chat_events():
        events.append(event)
        if isinstance(event, ServerLaunched):
            arguments = (
                Argument(flag="page-size", asked=64, in_force=16, differs=True),
                Argument(flag="tp-size", asked=2),
                Argument(flag="max-running-requests", in_force=48),
            )
            account = ServerAccount(version="0.5.2", arguments=arguments)
            events.append(
                ServerDescribed(at=event.at, experiment=event.experiment, account=account)
            )
    run = conclusion(events)
    found = findings(run)
    (changed,) = found.not_in_force
    assert changed.experiments == tuple(e.number for e in run.experiments)
    text, page = markdown(run), html_page(run, found)
    document = json.loads(to_json(run))
    for said in (
        (
            "`page-size` 64 was not in force in experiments 0-4: asked for it, the "
            "servers ran with 16"
        ),
        "| 2 | page-size | 64 | ! 16 |",
        "| 2 | tp-size | 2 | not told |",
        "| 0 | max-running-requests | left out | 48 |",
    ):
        assert said in text
    assert "<td>page-size</td><td>64</td><td>! 16</td>" in page
    assert document["findings"]["not_in_force"][0]["asked"] == 64
    assert document["findings"]["manifest"]["in_force"][0]["account"]["version"] == "0.5.2"
    assert not any("asked for" in caution.text for caution in found.cautions)


def test_what_means_something_to_markdown_is_escaped() -> None:
    text = to_markdown([Words("a*b_c <i> [x] | # `code|1`"), Code("a ``` b")])
    assert text.startswith("a\\*b\\_c \\<i\\> \\[x\\] \\| \\# `code\\|1`\n")
    assert "````sh\na ``` b\n````" in text


def test_a_terminal_of_80_columns_is_enough() -> None:
    for run in (published(), served()):
        shown = list(blocks(run, findings(run), experiments=False))
        for line in to_text(p for p in shown if not isinstance(p, Code)).splitlines():
            assert len(line) <= 100
        narrow = to_text((p for p in shown if not isinstance(p, Code)), width=80)
        assert max(len(line) for line in narrow.splitlines()) <= 80
        assert "\x1b" not in narrow


def test_a_terminal_without_utf8_gets_ascii() -> None:
    class Ascii(io.StringIO):
        encoding = "ascii"

    buffer = Ascii()
    print_blocks([Words("✓ 5 µs − 3 …"), Bullets(("a",)), Grid(("é",), (("★",),))], buffer)
    assert buffer.getvalue().isascii()


def test_tasks_side_by_side_say_what_is_not_alike() -> None:
    runs = [(run, findings(run)) for run in (served(), published(), conclusion(chat_events()))]
    text = to_text(comparison(runs))
    assert "3 tasks compared" in text
    assert "gain over the defaults" in text
    assert "+51.6 % [+47.8, +55.5]" in text
    assert "They have different models" in text
    assert "simulated" in text


def test_the_defaults_are_no_gain_over_themselves() -> None:
    text = markdown(conclusion(chat_events()[:20]))
    assert "Only the defaults are measured" in text
    assert "Gain over the defaults" not in text
