"""A container finds its model where this machine has it, and keeps what it downloads."""

from pathlib import Path

import pytest

from core.errors import HostError
from core.run.hosting import mounted
from core.task import Task


def a_task(model: str, *mounts: dict, **environment: str) -> Task:
    return Task.model_validate(
        {
            "task_name": "t",
            "base_runtime": "vllm",
            "model": {"id_or_path": model},
            "engine": {"environment": environment},
            "container": {"mounts": list(mounts)},
        }
    )


def shown(task: Task) -> list[tuple[str, str, bool]]:
    return [(mount.source, mount.target, mount.read_only) for mount in mounted(task)]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("HF_HOME", raising=False)
    return tmp_path / ".cache" / "huggingface"


def test_a_model_of_this_machine_is_seen_at_its_path_and_cannot_be_changed(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.touch()
    for path in (file, tmp_path):
        assert shown(a_task(str(path))) == [(str(tmp_path), str(tmp_path), True)]


def test_what_one_launch_downloads_the_next_one_has(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = a_task("meta-llama/Llama-3.1-8B")
    assert shown(task) == [(str(cache), "/root/.cache/huggingface", False)]
    assert cache.is_dir()
    monkeypatch.setenv("HF_HOME", "")  # as if it were not set
    assert shown(task) == [(str(cache), "/root/.cache/huggingface", False)]
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    assert shown(a_task("a/b", HF_HOME="/cache")) == [(str(tmp_path / "hub"), "/cache", False)]


def test_what_the_task_mounts_comes_first_and_from_its_home(cache: Path, tmp_path: Path) -> None:
    own = {"source": "~/models", "target": "/root/.cache/huggingface"}
    assert shown(a_task("a/b", own)) == [(str(tmp_path / "models"), own["target"], True)]
    assert shown(a_task("nasty")) == [], "no name of the Hub"


def test_a_cache_that_cannot_be_made_is_told(cache: Path) -> None:
    cache.parent.touch()
    with pytest.raises(HostError, match="cannot be made"):
        mounted(a_task("a/b"))
