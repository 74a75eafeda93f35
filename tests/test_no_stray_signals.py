"""No code of ours can signal a process by name, by pattern, or by a bare number."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

THE_ONE_MODULE = Path("core/machine/procfs.py")
"""Where a signal leaves the program, to an identity that was checked."""

SIGNALLING = {"kill", "killpg", "pidfd_send_signal", "pthread_kill", "tgkill"}
SHELLS = {
    "system", "popen", "getoutput", "getstatusoutput", "create_subprocess_shell",
}  # fmt: skip
MODULES = {"os", "signal", "posix", "subprocess", "asyncio"}
BY_NAME = ("pkill", "killall", "fuser -k", "skill ", "taskkill")


def code_files() -> list[Path]:
    return sorted(path for room in ("core", "tui") for path in (ROOT / room).rglob("*.py"))


def script_files() -> list[Path]:
    """Everything else that might be run: scripts, CI, build files."""
    found = [*ROOT.glob("*.toml"), *ROOT.glob("Makefile"), *ROOT.rglob(".github/**/*.y*ml")]
    found += [path for room in ("core", "tui", "tests") for path in (ROOT / room).rglob("*.sh")]
    return sorted(found)


def harmless(tree: ast.AST) -> Iterator[int]:
    """The ids of nodes that are prose about the code, or a process's signal to itself."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant()):
                yield id(node.value)
            case ast.Call(
                func=ast.Attribute(value=ast.Name("os"), attr="kill"),
                args=[ast.Call(func=ast.Attribute(value=ast.Name("os"), attr="getpid")), _],
            ):
                yield id(node.func)


def strays(source: str) -> Iterator[str]:
    """What in a module could signal a stranger."""
    tree = ast.parse(source)
    passed_over = set(harmless(tree))
    for node in ast.walk(tree):
        if id(node) in passed_over:
            continue
        match node:
            case ast.Attribute(value=ast.Name(module), attr=name) if module in MODULES and (
                name in SIGNALLING | SHELLS
            ):
                yield f"line {node.lineno}: {module}.{name}"
            case ast.ImportFrom(module=module, names=names) if module in MODULES:
                for alias in names:
                    if alias.name in SIGNALLING | SHELLS:
                        yield f"line {node.lineno}: from {module} import {alias.name}"
            case ast.keyword(arg="shell", value=value) if not (
                isinstance(value, ast.Constant) and value.value is False
            ):
                yield f"line {value.lineno}: shell="
            case ast.Constant(value=str(text)):
                yield from (f"line {node.lineno}: '{name}'" for name in BY_NAME if name in text)


@pytest.mark.parametrize("path", code_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_signals_but_the_one(path: Path) -> None:
    found = list(strays(path.read_text(encoding="utf-8")))
    if path.relative_to(ROOT) == THE_ONE_MODULE:
        assert {entry.partition(": ")[2] for entry in found} == {
            "os.kill",
            "signal.pidfd_send_signal",
        }
    else:
        assert found == []


def test_no_script_signals_by_name() -> None:
    for path in script_files():
        text = path.read_text(encoding="utf-8")
        assert not [name for name in BY_NAME if name in text], path


@pytest.mark.parametrize(
    "line",
    [
        "os.kill(pid, 9)",
        "os.killpg(os.getpgid(pid), 9)",
        "send = os.kill",
        "from os import kill",
        "signal.pidfd_send_signal(fd, 9)",
        "os.system('true')",
        "subprocess.run('true', shell=True)",
        "subprocess.run('true', shell=flag)",
        "subprocess.run(['pkill', '-f', 'vllm'])",
        "asyncio.create_subprocess_shell('true')",
        "run('fuser -k 8000/tcp')",
        "os.kill(os.getppid(), 9)",
    ],
)
def test_a_stray_signal_would_be_noticed(line: str) -> None:
    assert list(strays(f"x = 1\n{line}\n"))


@pytest.mark.parametrize(
    "line",
    [
        "process.kill()",
        "os.kill(os.getpid(), 9)",
        "'pkill is what we never do'",
        "run(shell=False)",
    ],
)
def test_what_cannot_hit_a_stranger_is_allowed(line: str) -> None:
    assert not list(strays(f"x = 1\n{line}\n"))
