"""The record of the machine and of the model's files."""

from pathlib import Path

import pytest

from core.events import ModelFiles
from core.machine.host import cpu_model, describe_host, governor
from core.machine.model_files import model_files
from core.machine.nvml import NvmlGpus
from core.machine.simulated_gpus import SimulatedGpus


def test_this_machine_is_described_without_a_driver() -> None:
    host = describe_host(NvmlGpus(), ModelFiles(path="m"), "python3", "0" * 64)
    assert host.cpus >= 1
    assert host.memory_bytes > 2**20
    assert host.cpu
    assert Path(host.executable).is_absolute()


def test_simulated_gpus_are_told_as_such() -> None:
    host = describe_host(SimulatedGpus("H100", 80 << 30, count=2), ModelFiles(path="m"), "", "0")
    assert [gpu.simulated for gpu in host.gpus] == [True, True]
    assert host.gpus[0].name == "H100 (simulated)"


def test_a_kernel_without_names_tells_the_architecture(tmp_path: Path) -> None:
    assert cpu_model(tmp_path / "missing")


def test_what_sets_the_processors_clocks_is_on_record(tmp_path: Path) -> None:
    """A processor that is throttled to save power serves, and times, another speed each time."""
    assert governor(tmp_path) == ""
    for number, name in enumerate(["powersave", "performance", "powersave"]):
        folder = tmp_path / f"cpu{number}" / "cpufreq"
        folder.mkdir(parents=True)
        (folder / "scaling_governor").write_text(f"{name}\n")
    assert governor(tmp_path) == "performance, powersave"


def test_a_fingerprint_follows_the_files(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(bytes(300_000))
    first = model_files(str(tmp_path))
    assert (first.files, first.bytes) == (2, 300_002)
    assert model_files(str(tmp_path)) == first
    weights.write_bytes(bytes(299_999) + b"x")
    assert model_files(str(tmp_path)).fingerprint != first.fingerprint
    assert model_files(str(weights)).files == 1


def test_what_is_not_there_keeps_its_name() -> None:
    assert model_files("/no/such/model") == ModelFiles(path="/no/such/model")


def test_a_cached_model_is_found_with_its_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "models--org--small"
    commit = "0123456789abcdef0123456789abcdef01234567"
    (repository / "snapshots" / commit).mkdir(parents=True)
    (repository / "snapshots" / commit / "config.json").write_text("{}")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    found = model_files("org/small")
    assert found.revision == commit
    assert found.files == 1
