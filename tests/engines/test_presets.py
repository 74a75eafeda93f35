"""Presets: those that are built in, those of the user, and how several are joined."""

import json
from pathlib import Path

import pytest

from core.engines.presets import folder, keep, shelf
from core.engines.registry import ENGINES
from core.errors import HostError, TaskError
from core.task import Choices, Preset, Range, finite_values, merge, read_preset


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("AUTOTUNER_HOME", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "inference-autotuner" / "presets"


def preset(name: str, **parameters: object) -> Preset:
    return Preset.model_validate({"name": name, "parameters": parameters})


def test_every_built_in_preset_is_made_of_its_engines_flags() -> None:
    shipped = shelf().presets
    assert {known.preset.engine for known in shipped} == {"sglang", "vllm", "llamacpp", "simulated"}
    for known in shipped:
        assert known.path is None
        assert known.preset.description
        catalogue = ENGINES[known.preset.engine or ""].catalogue
        assert catalogue is not None
        for flag, space in known.preset.parameters.items():
            for value in finite_values(space):
                assert catalogue.refuse(flag, value) is None, (known.preset.name, flag, value)


def test_the_users_presets_come_first(own_folder: Path) -> None:
    assert folder() == own_folder
    own_folder.mkdir(parents=True)
    (own_folder / "a.yaml").write_text("name: sglang-memory\nparameters: {page-size: [1]}\n")
    (own_folder / "b.json").write_text(
        json.dumps(
            {
                "version": "1.0",
                "preset": {
                    "name": "Older",
                    "runtime": "vllm",
                    "category": "performance",
                    "parameters": {"max-num-seqs": [8, 16]},
                },
            }
        )
    )
    (own_folder / "c.yaml").write_text("name: broken\nparameters: 5\n")
    (own_folder / "notes.txt").write_text("no preset")
    found = shelf()
    own = found.find("sglang-memory")
    assert own is not None
    assert own.path == own_folder / "a.yaml"
    older = found.find("Older")
    assert older is not None
    assert older.preset.engine == "vllm"
    assert older.preset.parameters["max-num-seqs"] == Choices(values=(8, 16))
    (problem,) = found.problems
    assert problem.startswith(f"{own_folder / 'c.yaml'}:2: parameters: must be a list of")


def test_a_folder_that_is_a_file_is_told(own_folder: Path) -> None:
    own_folder.parent.mkdir(parents=True)
    own_folder.write_text("x")
    (problem,) = shelf().problems
    assert "cannot be read" in problem
    with pytest.raises(HostError, match="cannot be written"):
        keep(preset("x"), "text")


def test_a_preset_is_kept_once(own_folder: Path) -> None:
    text = "name: my own/../preset\nparameters: {page-size: [1]}\n"
    path = keep(preset("my own/../preset"), text)
    assert path == own_folder / "my-own-..-preset.yaml"
    assert read_preset(path).name == "my own/../preset"
    with pytest.raises(HostError, match="already"):
        keep(preset("my own/../preset"), text)
    with pytest.raises(HostError, match="is there already"):
        keep(preset("my:own/../preset"), text)


@pytest.mark.parametrize(
    "text", ["", "name: x\n", "parameters: {}\n", "name: ''\nparameters: {}", "[]", "name: 5"]
)
def test_what_is_no_preset(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(TaskError, match=r"x\.yaml"):
        read_preset(path)


def test_joining_flags_that_only_one_preset_has() -> None:
    for rule in ("union", "intersection", "last_wins"):
        joined = merge([preset("a", x=[1, 2]), preset("b", y=[3])], rule)  # type: ignore[arg-type]
        assert {n: finite_values(s) for n, s in joined.parameters.items()} == {
            "x": (1, 2),
            "y": (3,),
        }
        assert joined.conflicts == ()


@pytest.mark.parametrize(
    ("rule", "values", "conflicts"),
    [("union", (1, 2, True, 3), 0), ("intersection", (2,), 0), ("last_wins", (True, 2, 3), 1)],
)
def test_joining_values(rule: str, values: tuple[object, ...], conflicts: int) -> None:
    joined = merge([preset("a", x=[1, 2]), preset("b", x=[True, 2, 3])], rule)  # type: ignore[arg-type]
    found = finite_values(joined.parameters["x"])
    assert [(type(v), v) for v in found] == [(type(v), v) for v in values]
    assert len(joined.conflicts) == conflicts


def test_what_cannot_be_joined_is_told() -> None:
    a_range = {"type": "integer", "low": 1, "high": 9}
    joined = merge([preset("a", x=[1]), preset("b", x=a_range)], "union")
    assert isinstance(joined.parameters["x"], Range)
    assert joined.conflicts == ("a and b differ in x, and cannot be joined; the last has its way",)
    joined = merge([preset("a", x=[1]), preset("b", x=[2])], "intersection")
    assert finite_values(joined.parameters["x"]) == ()
    assert "no value in common" in joined.conflicts[0]
