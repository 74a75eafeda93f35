"""Whatever somebody writes for a path, asking about it raises nothing."""

import os
from pathlib import Path

import pytest

from core.engines.model_reading import model_place
from core.errors import HostError
from core.home import home
from core.machine.model_files import model_files
from core.paths import is_file, is_folder, is_there, path_of
from tui.screens.requests import check_new_file

TOO_LONG = "/" + "y" * 300


def test_a_home_that_is_nobodys_is_a_name_like_any_other() -> None:
    assert path_of("~nobody-has-this-name/models") == Path("~nobody-has-this-name/models")
    assert path_of("~/models") == Path.home() / "models"


@pytest.mark.parametrize("path", [TOO_LONG, "~nobody-has-this-name/models", "a\0b"])
def test_no_path_stops_who_looks_for_a_model(path: str) -> None:
    assert not is_there(path_of(path))
    assert model_place(path) is None
    assert model_files(path).files == 0
    assert check_new_file(path) == "" or "no folder" in check_new_file(path)


def test_a_folder_is_no_file_and_a_file_no_folder(tmp_path: Path) -> None:
    file = tmp_path / "task.yaml"
    file.touch()
    assert is_file(file)
    assert not is_file(tmp_path)
    assert is_folder(tmp_path)
    assert not is_folder(file)
    assert "no folder" in check_new_file(f"{file}/report.txt")


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HOME", "AUTOTUNER_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)
    with pytest.raises(HostError, match="set AUTOTUNER_HOME"):
        home()
