"""`autotuner report` and `compare` from the command line."""

import asyncio
import errno
import json
import re
from pathlib import Path

import pytest

from core.cli import main
from core.report.blocks import Bullets, Code, Heading
from core.report.html.page import page_of_blocks
from core.store import Store
from tests.report.runs import TEXT, chat_events, reading


@pytest.fixture(autouse=True)
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store with one finished run."""
    monkeypatch.setenv("AUTOTUNER_HOME", str(tmp_path / "home"))

    async def keep() -> None:
        async with Store.open() as store:
            task = await store.create_task(TEXT, reading().task, "chat.yaml")
            await store.record(task.id, *chat_events())

    asyncio.run(keep())


def test_a_report_goes_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "chat"]) == 0
    shown = capsys.readouterr().out
    assert "Experiment 2 is 46.1 % better than the defaults" in shown
    assert "Why experiments failed" in shown


@pytest.mark.parametrize(
    ("name", "begins"), [("a.html", "<!doctype html>"), ("a.md", "# chat"), ("a.csv", "task,")]
)
def test_the_name_of_the_file_is_its_format(tmp_path: Path, name: str, begins: str) -> None:
    assert main(["report", "chat", "-o", str(tmp_path / "new" / name)]) == 0
    assert (tmp_path / "new" / name).read_text(encoding="utf-8").startswith(begins)


def test_a_page_that_compares_has_every_row_and_no_text_that_is_taken_for_html(
    tmp_path: Path,
) -> None:
    for name in ("a.html", "a.md"):
        assert main(["compare", "chat", "chat", "-o", str(tmp_path / name)]) == 0
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    rows = [r for r in (tmp_path / "a.md").read_text(encoding="utf-8").splitlines() if r[:1] == "|"]
    assert page.count("<tr") == len(rows) - page.count("<table>")
    assert "<title>chat#1 · chat#1</title>" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    nasty = page_of_blocks("<b>", [Heading("<i>"), Code("a < b"), Bullets(("<u>",))])
    assert not {"<b>", "<i>", "<u>", "a < b"} & set(re.findall(r"<[biu]>|a < b", nasty))


def test_a_folder_gets_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "chat", "-o", f"{tmp_path}/all/"]) == 0
    names = {path.name for path in (tmp_path / "all").iterdir()}
    assert {"report.html", "report.json", "launch.sh", "chart-scatter.svg"} <= names
    document = json.loads((tmp_path / "all" / "report.json").read_text(encoding="utf-8"))
    assert document["findings"]["recommended"]["experiment"] == 2
    assert [group["kind"] for group in document["findings"]["failures"]] == ["slo", "out_of_memory"]
    assert f"{len(names)} files in" in capsys.readouterr().out


def test_a_single_chart_is_a_drawing_or_a_picture(tmp_path: Path) -> None:
    for name, begins in (("c.svg", b"<svg "), ("c.png", b"\x89PNG")):
        assert main(["report", "chat", "--chart", "scatter", "-o", str(tmp_path / name)]) == 0
        assert (tmp_path / name).read_bytes().startswith(begins)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["report", "nobody"], 2, "there is no task nobody"),
        (["report", "chat", "-o", "x.pdf"], 2, "x.pdf: cannot tell the format"),
        (["report", "chat", "--chart", "pie"], 2, "there is no chart pie"),
        (["report", "chat", "-o", "/proc/none/x.html"], 3, "cannot be written"),
        (["report", "chat", "--chart", "scatter", "-o", "x.pdf"], 2, "in .svg or .png"),
        (["report", "chat", "--chart", "scatter", "--format", "csv"], 2, "do not go together"),
        (["report", "chat", "--format", "html", "-o", "/dev/full"], 3, "No space left on device"),
        (["report", "chat", "-o", "/etc/hostname/x/"], 3, "cannot be written"),
        (["report", "chat", "-o", "x" * 300 + ".html"], 3, "cannot be written: File name too long"),
        (["compare", "chat", "nobody"], 2, "there is no task nobody"),
        (["compare", "chat", "-o", "x.csv"], 2, "end it in .txt, .md, .html, .json"),
    ],
)
def test_nonsense_gets_one_clear_line(
    capsys: pytest.CaptureFixture[str], words: list[str], status: int, said: str
) -> None:
    assert main(words) == status
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert said in told[0]


def test_what_cannot_be_written_whole_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = tmp_path / "a.html"
    assert main(["report", "chat", "-o", str(good)]) == 0
    before = good.read_bytes()

    def half(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    assert main(["report", "chat", "-o", str(good)]) == 3
    assert good.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["a.html"]
    assert "a.html: cannot be written: No space left on device" in capsys.readouterr().err


def test_json_is_asked_for_in_the_same_words_everywhere(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = []
    for words in (["--json"], ["--format", "json"]):
        assert main(["report", "chat", *words]) == 0
        assert main(["compare", "chat", *words]) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]
    assert main(["compare", "chat", "chat", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [run["findings"]["recommended"]["experiment"] for run in document["runs"]] == [2, 2]
    assert main(["report", "chat", "--json", "--format", "md"]) == 2
    assert "do not go together" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "begins"),
    [("a.md", "# 1 task"), ("a.json", "{"), ("a.txt", "1 task"), ("a.html", "<!doctype html>")],
)
def test_a_comparison_goes_to_a_file(tmp_path: Path, name: str, begins: str) -> None:
    assert main(["compare", "chat", "-o", str(tmp_path / name)]) == 0
    assert (tmp_path / name).read_text(encoding="utf-8").startswith(begins)


def test_the_keys_of_a_result_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["result-keys", "traits"]) == 0
    assert "findings.failures[].traits[].lift  number" in capsys.readouterr().out
    assert main(["result-keys", "--json"]) == 0
    assert "Trait" in json.loads(capsys.readouterr().out)["$defs"]
    assert main(["result-keys", "qqq"]) == 2


def test_runs_stand_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "chat", "chat#1"]) == 0
    assert "2 tasks compared" in capsys.readouterr().out
