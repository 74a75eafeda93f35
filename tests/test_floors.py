"""The rooms' floors, held against the code's own imports."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FLOORS = {
    "errors": -2,
    "paths": -2,
    "home": -1,
    "task": 0,
    "events": 1,
    "engines": 2,
    "machine": 2,
    "store": 2,
    "verdict": 2,
    "deploy": 3,
    "load": 3,
    "search": 3,
    "run": 4,
    "report": 4,
    "cli": 5,
}

HIDDEN_FROM_TUI = {"run", "deploy", "load", "search", "cli"}
PURE = {"task", "events", "search", "verdict"}
IMPURE_MODULES = {
    "asyncio",
    "time",
    "subprocess",
    "socket",
    "threading",
    "multiprocessing",
    "httpx",
}


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Every module that the file imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            yield node.module or ""


def room(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "core" and len(parts) > 1 else None


@pytest.mark.parametrize("path", modules("core"), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_from_floors_below(path: Path) -> None:
    own = path.relative_to(ROOT / "core").parts[0].removesuffix(".py")
    if own == "__init__":
        return
    for module in imports(path):
        if module.split(".")[0] == "tui":
            assert own == "cli", f"{own} imports {module}"
        other = room(module)
        if other is not None and other != own:
            assert FLOORS[other] < FLOORS[own], f"{own} imports {module}"


@pytest.mark.parametrize("path", modules("tui"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_screens_know_only_what_may_be_seen(path: Path) -> None:
    for module in imports(path):
        assert room(module) not in HIDDEN_FROM_TUI, f"{path.name} imports {module}"


@pytest.mark.parametrize("name", sorted(PURE))
def test_pure_rooms_know_no_clock_and_no_process(name: str) -> None:
    for path in modules(f"core/{name}"):
        for module in imports(path):
            assert module.split(".")[0] not in IMPURE_MODULES, f"{path} imports {module}"


def test_every_room_has_a_floor() -> None:
    rooms = {path.name for path in (ROOT / "core").iterdir() if (path / "__init__.py").exists()}
    assert rooms <= FLOORS.keys()
