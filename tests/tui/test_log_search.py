"""The shortcut in the search for errors finds what the whole of it does."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from tui.log_file import ERRORS, find_next

PIECES = (
    "error", "Error", "errors", "exception", "RuntimeException", "=", "_", ":", " ", "\n", "x", "(",
    "]", "fatal", "Killed", "traceback",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_the_shortcut_finds_the_same_line(log: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "server.log"
        path.write_text(log)
        assert find_next(path, ERRORS, 0) == find_next(path, replace(ERRORS, at_once=None), 0)
