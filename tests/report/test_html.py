"""The page in a real browser: the red line and its label are there, and nothing complains."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from core.report import Conclusion, findings
from core.report.alternatives import Front, FrontMember
from core.report.html import html_page
from core.report.svg.style import DARK, LIGHT
from tests.report.published import published
from tests.report.runs import chat_events, conclusion
from tests.report.served import served

PROBE = """\
<script>
onerror = message => { (window.failures = window.failures || []).push(String(message)); };
addEventListener('load', () => setTimeout(() => {
  const shown = e => { const b = e.getBoundingClientRect(); return b.width + b.height > 0; };
  const lines = [...document.querySelectorAll('#scatter .chart line.slo')].filter(shown);
  const labels = [...document.querySelectorAll('#scatter .chart text.slo-label')].filter(shown);
  const seen = {
    width: innerWidth,
    overflow: document.documentElement.scrollWidth - innerWidth,
    failures: window.failures || [],
    lines: lines.map(e => {
      const b = e.getBoundingClientRect(), s = getComputedStyle(e);
      return {width: b.width, height: b.height, colour: s.stroke, dashes: s.strokeDasharray};
    }),
    labels: labels.map(e => ({text: e.textContent, size: e.getBoundingClientRect().height})),
    requests: performance.getEntriesByType('resource').map(entry => entry.name),
    buttons: document.querySelectorAll('.copyable button').length,
    tips: document.querySelectorAll('[data-tip]').length,
  };
  parent.postMessage(JSON.stringify(seen), '*');
}, 100));
</script>
"""

FRAME = """\
<!doctype html><body style="margin:0"><pre id="seen"></pre>
<iframe src="page.html" width="{width}" height="900" style="border:0"></iframe>
<script>onmessage = e => {{ document.getElementById('seen').textContent = e.data; }};</script>
"""

Look = Callable[[str, int], dict[str, Any]]


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> Look:
    """Opens a page at a width and tells what is seen."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    profile = tmp_path_factory.mktemp("profile")

    def open_page(page: str, width: int) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp("page")
        (folder / "page.html").write_text(page.replace("<head>", f"<head>{PROBE}", 1))
        (folder / "frame.html").write_text(FRAME.format(width=width))
        ended = subprocess.run(
            [
                browser, "--headless", "--no-sandbox", "--disable-gpu",
                "--disable-background-networking", "--hide-scrollbars", "--enable-logging=stderr",
                f"--user-data-dir={profile}", "--window-size=1400,1000",
                "--virtual-time-budget=3000", "--dump-dom", (folder / "frame.html").as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )  # fmt: skip
        text = re.search(r'<pre id="seen">(.*?)</pre>', ended.stdout, re.DOTALL)
        assert text is not None, ended.stdout[:2000]
        seen: dict[str, Any] = json.loads(unescape(text[1]))
        seen["console"] = [line for line in ended.stderr.splitlines() if "CONSOLE" in line]
        return seen

    return open_page


def page_of(run: Conclusion) -> str:
    return html_page(run, findings(run))


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("run", [served, published], ids=["served", "published"])
def test_the_red_line_and_its_label_are_seen(
    look: Look, run: Callable[[], Conclusion], width: int
) -> None:
    seen = look(page_of(run()), width)
    assert seen["width"] == width
    assert seen["failures"] == []
    assert seen["console"] == []
    assert seen["requests"] == []
    assert seen["overflow"] <= 0
    [line] = seen["lines"]
    assert line["colour"] == "rgb(200, 30, 30)"
    assert line["dashes"] not in {"", "none"}
    assert line["height"] > 100 > line["width"]
    [label] = seen["labels"]
    assert label["text"] == "SLO: 6.5 s"
    assert label["size"] >= 10
    assert seen["tips"] > 10
    assert seen["buttons"] >= 2


def test_a_limit_far_outside_stands_at_the_edge_with_its_value(look: Look) -> None:
    run = served()
    text = run.task.text.replace("threshold: 6.5", "threshold: 600")
    from tests.report.served import served_events

    page = page_of(conclusion(served_events(), text))
    assert 'class="slo-arrow"' in page
    seen = look(page, 1280)
    assert seen["lines"] == []
    assert [label["text"] for label in seen["labels"]] == ["SLO: 600 s"]


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in {"iframe", "img", "object", "embed"}
        self.found += [value or "" for name, value in attrs if name in {"src", "href"}]


def test_the_page_needs_nothing_beside_it() -> None:
    page = page_of(served())
    links = _Links()
    links.feed(page)
    assert links.found == ["data:,"]
    assert "@import" not in page
    assert "url(" not in page


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    lights = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * lights[0] + 0.7152 * lights[1] + 0.0722 * lights[2]


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_every_ink_can_be_read_on_the_paper(palette: Mapping[str, str]) -> None:
    """4.5 to 1 is what WCAG asks of text."""
    for ground in ("paper", "tint"):
        paper = luminance(palette[ground])
        for ink in ("ink", "muted", "accent", "good", "bad", "warn", "base"):
            light, dark = sorted((luminance(palette[ink]), paper), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, f"{ink} on {ground}"


def test_every_chart_has_a_name_and_every_column_is_a_head() -> None:
    page = page_of(served())
    charts = re.findall(r"<svg [^>]*>", page)
    assert charts
    assert all('role="img"' in svg and re.search(r'aria-label="[^"]+"', svg) for svg in charts)
    assert re.findall(r"<th(?! scope=\"col\")[ >]", page) == []
    assert re.search(r'<html lang="en">.*<title>chat-8b#2: [^<]+</title>', page, re.DOTALL)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium")
def test_what_is_folded_is_printed(tmp_path: Path) -> None:
    """Folded, it leaves no mark on paper: the same page without any script is shorter."""
    pages = []
    for name, page in (("a", page_of(served())), ("b", page_of(served()).replace("print'", "'"))):
        (tmp_path / f"{name}.html").write_text(page)
        subprocess.run(
            [
                "chromium", "--headless", "--no-sandbox", "--disable-gpu",
                "--disable-background-networking", f"--user-data-dir={tmp_path / 'profile'}",
                f"--print-to-pdf={tmp_path / name}.pdf", (tmp_path / f"{name}.html").as_uri(),
            ],
            capture_output=True,
            timeout=120,
            check=True,
        )  # fmt: skip
        pages.append((tmp_path / f"{name}.pdf").read_bytes().count(b"/Type /Page\n"))
    assert pages[0] > pages[1] > 0


def test_foreign_words_stay_words() -> None:
    events = chat_events()
    text = conclusion(events).task.text.replace("task_name: chat", "task_name: '<b>&chat'")
    page = page_of(conclusion(events, text))
    assert "<b>&chat" not in page
    assert "&lt;b&gt;&amp;chat" in page
    assert "\x1b" not in page


def test_a_page_of_nothing_and_of_a_run_under_way() -> None:
    from tests.report.runs import TEXT, run_events

    assert "No experiment was made." in page_of(conclusion(list(run_events([])), TEXT))
    half = chat_events()[:30]
    assert "the run is not over" in page_of(conclusion(half))


def test_every_part_is_there() -> None:
    page = page_of(served())
    for heading in (
        "Deploy experiment", "Against the defaults", "Which flags matter",
        "Why experiments failed", "Every experiment", "Latency distributions",
        "Time line", "Before you trust the figures", "Manifest",
    ):  # fmt: skip
        assert heading in page


def test_a_front_is_shown_where_it_offers_a_choice() -> None:
    run = served()
    found = findings(run)
    assert "Alternatives" not in html_page(run, found)  # what it differs by is noise
    ends = [
        FrontMember(experiment=18, figures=(9500.0, 4.1)),
        FrontMember(experiment=22, figures=(7000.0, 2.0)),
    ]
    front = Front.of(found.front.metrics, ends)
    assert "Alternatives" in html_page(run, found.model_copy(update={"front": front}))


def test_the_files_are_whole(tmp_path: Path) -> None:
    from core.report.handing_on import everything

    run = served()
    files = everything(run, findings(run))
    assert {"report.html", "report.md", "report.txt", "report.json", "report.csv"} <= files.keys()
    assert {"launch.sh", "docker-run.sh", "compose.yaml", "reproduce.yaml"} <= files.keys()
    assert {
        "chart-scatter.svg",
        "chart-effects-objective.svg",
        "chart-timeline.svg",
    } <= files.keys()
    assert all(text.endswith("\n") for text in files.values())
    assert "hf_" not in "".join(files.values())
