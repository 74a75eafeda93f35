"""What a machine offers, with folders of its own."""

from pathlib import Path

import pytest

from core.machine.simulated_gpus import SimulatedGpus
from tui.form.discovery import discover, find_models


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.delenv("LLAMA_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def test_models_are_found_in_the_cache_and_in_folders(places: Path) -> None:
    snapshot = places / "hub" / "models--meta-llama--Llama-3.1-8B" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (snapshot / "model.safetensors").write_bytes(b"1234")
    folder = places / "models" / "qwen"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    for name in ("a.gguf", "b-00001-of-00002.gguf", "b-00002-of-00002.gguf", "notes.txt"):
        (places / "models" / name).write_bytes(b"12")
    found = {model.id_or_path: model for model in find_models()}
    assert found["meta-llama/Llama-3.1-8B"].size_bytes == 4
    assert str(folder) in found
    assert found[str(places / "models" / "a.gguf")].gguf
    assert str(places / "models" / "b-00001-of-00002.gguf") in found
    assert str(places / "models" / "b-00002-of-00002.gguf") not in found


def test_folders_that_cannot_be_read_are_passed_over(places: Path) -> None:
    (places / "models").write_text("no folder")
    assert list(find_models()) == []


def test_the_simulated_engine_is_always_there(places: Path) -> None:
    machine = discover(SimulatedGpus("H100", 80 * 2**30, count=2))
    assert machine.engine("simulated") is not None
    assert len(machine.gpus) == 2
