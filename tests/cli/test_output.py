"""A result that cannot be written whole takes nothing away."""

import resource
from pathlib import Path

import pytest

from core.cli.output import write
from core.errors import HostError


def test_a_file_stays_as_it_was_unless_all_of_the_new_one_fits(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))  # as a disk that has no more room
    try:
        with pytest.raises(HostError, match=r"result\.json: cannot be written: File too large"):
            write(path, "x" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
