"""Parameter presets by name: the built-in ones of each engine, and the user's own.

The user's are files in `config()/presets`, YAML or JSON; one with the name of a built-in one takes
its place. A file that cannot be read hurts nobody who does not ask for it.
"""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from core.errors import HostError, TaskError
from core.home import config
from core.task import Preset, read_preset

_ENDINGS = (".yaml", ".yml", ".json")


@dataclass(frozen=True)
class KnownPreset:
    """A preset and where it comes from."""

    preset: Preset
    path: Path | None
    """None: it is built in."""


@dataclass(frozen=True)
class Shelf:
    """Every preset that can be read, and what is wrong with the others."""

    presets: tuple[KnownPreset, ...]
    """By name; of one name the user's."""
    problems: tuple[str, ...]

    def find(self, name: str) -> KnownPreset | None:
        """Return the preset of that name."""
        return next((known for known in self.presets if known.preset.name == name), None)

    def explain_unknown(self, name: str) -> str:
        """Return what is wrong with a name that no preset has."""
        names = [known.preset.name for known in self.presets]
        near = difflib.get_close_matches(name.lower(), names, n=2, cutoff=0.4)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        return f"'{name}' is no preset; `autotuner presets list` names them all{hint}"


def folder() -> Path:
    """Return the folder of the user's own presets; it need not exist."""
    return config() / "presets"


def shelf() -> Shelf:
    """Read all presets there are."""
    found = {known.preset.name: known for known in _built_in()}
    problems: list[str] = []
    for path in _own_files(problems):
        try:
            preset = read_preset(path)
        except TaskError as error:
            problems += error.problems
            continue
        found[preset.name] = KnownPreset(preset, path)
    return Shelf(tuple(found[name] for name in sorted(found)), tuple(problems))


def keep(preset: Preset, text: str) -> Path:
    """Write a preset into the user's folder and return its path.

    Raises:
        HostError: there is one of that name already, or it cannot be written.
    """
    plain = "".join(c if c.isalnum() or c in "-_." else "-" for c in preset.name).strip(".-")
    path = folder() / f"{plain or 'preset'}.yaml"
    known = shelf().find(preset.name)
    if known is not None and known.path is not None:
        raise HostError(f"{known.path}: is a preset named {preset.name} already; delete it first")
    if path.exists():
        raise HostError(f"{path}: is there already; delete it, or rename the preset")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise HostError(f"{path}: cannot be written: {error.strerror}") from None
    return path


def _built_in() -> Iterator[KnownPreset]:
    with as_file(files("core.engines") / "builtin_presets") as shipped:
        for path in sorted(shipped.glob("*.yaml")):
            yield KnownPreset(read_preset(path), None)


def _own_files(problems: list[str]) -> list[Path]:
    try:
        return sorted(path for path in folder().iterdir() if path.suffix in _ENDINGS)
    except FileNotFoundError:
        return []
    except OSError as error:
        problems.append(f"{folder()}: cannot be read: {error.strerror}")
        return []
