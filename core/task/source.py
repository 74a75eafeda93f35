"""A file of the user's as text: parsed, and with the line on which each of its fields stands.

JSON and YAML become the same plain values: mappings with text as keys, lists, text, finite numbers,
true, false and null. Whatever else YAML can express is a mistake, told like any other.
"""

import json
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from core.errors import TaskError

if TYPE_CHECKING:  # every process of ours knows tasks, and few of them read a file
    from ruamel.yaml.nodes import Node

FieldPath: TypeAlias = tuple[str | int, ...]
"""Where a value stands in the document: ("slo", "latency", "p90", "threshold")."""

MAX_BYTES = 256 * 2**10
"""A second or two of parsing."""
_DEEPEST = 32
_MOST_VALUES = 50_000
"""Values of a document with its aliases written out."""
_LARGEST = 2**63
_LONGEST_MESSAGE = 600


class Source:
    """The text of a file, what it says, and the line on which each of its fields stands."""

    def __init__(self, name: str, text: str) -> None:
        """Parse the text; `name` stands for the file in messages.

        Raises:
            TaskError: it is neither YAML nor JSON, or holds what neither a task nor a preset may.
        """
        self.name = name
        self.text = text
        self._lines: dict[FieldPath, int] = {}
        try:
            self.document = self._parse()
            mistakes = list(_strange(self.document, ()))
        except RecursionError:
            raise self.wrong("is nested too deeply") from None
        if mistakes:
            raise self.mistakes(mistakes)

    def line(self, path: FieldPath) -> int | None:
        """Return the line of the field, or of the nearest part around it that is in the file."""
        for end in range(len(path), 0, -1):
            if path[:end] in self._lines:
                return self._lines[path[:end]]
        return None

    def at(self, path: FieldPath, message: str) -> str:
        """Return `message` as one line with file, line and field in front of it."""
        while path and isinstance(path[-1], int) and path not in self._lines:
            path = path[:-1]  # one value where a list may stand
        line = self.line(path)
        place = self.name if line is None else f"{self.name}:{line}"
        return _one_line(f"{place}: {dotted(path)}: {message}" if path else f"{place}: {message}")

    def mistakes(self, found: list[tuple[FieldPath, str]]) -> TaskError:
        """Return the error for several mistakes, each at its place."""
        return TaskError([self.at(path, message) for path, message in found])

    def wrong(self, message: str, line: int | None = None) -> TaskError:
        """Return the error for a file that cannot be parsed."""
        place = self.name if line is None else f"{self.name}:{line}"
        return TaskError([_one_line(f"{place}: {message}")])

    def _parse(self) -> Any:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError, YAMLError

        # YAML 1.2 takes JSON in as well, but the JSON parser says more about a broken JSON file.
        # `on` and `off` are words in YAML 1.2, as the engines that take them as flag values need.
        yaml = YAML(typ="safe", pure=True)
        if self.text.lstrip().startswith("{"):
            document = self._json()
            self._note_lines(yaml)
            return document
        try:
            root = yaml.compose(self.text)
            if root is None:
                return None
            self._visit(root)
            return yaml.constructor.construct_document(root)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise self.wrong(
                f"is no valid YAML: {error.problem}", mark.line + 1 if mark else 1
            ) from None
        except (YAMLError, ValueError, TypeError, AttributeError, KeyError) as error:
            # The last three are what ruamel makes of tags without a meaning.
            raise self.wrong(f"cannot be parsed: {error}") from None

    def _json(self) -> Any:
        try:
            return json.loads(
                self.text, object_pairs_hook=_without_repetition, parse_constant=_refuse_constant
            )
        except json.JSONDecodeError as error:
            raise self.wrong(f"is no valid JSON: {error.msg}", error.lineno) from None
        except ValueError as error:
            raise self.wrong(f"cannot be parsed: {error}") from None

    def _note_lines(self, yaml: Any) -> None:
        from ruamel.yaml.error import YAMLError

        try:
            root = yaml.compose(self.text)
        except YAMLError:
            return  # JSON that is no YAML, with tabs for example: messages go without lines
        self._visit(root)

    def _visit(self, root: "Node") -> None:
        """Note the line of every value, once it is known that they are not too many."""
        from ruamel.yaml.nodes import MappingNode, SequenceNode

        self._measure(root, {}, ())

        def visit(node: "Node", path: FieldPath) -> None:
            self._lines[path] = node.start_mark.line + 1
            if isinstance(node, MappingNode):
                for key, value in node.value:
                    name = key.value if isinstance(key.value, str) else str(key.start_mark.line)
                    visit(value, (*path, name))
                    self._lines[*path, name] = key.start_mark.line + 1
            elif isinstance(node, SequenceNode):
                for index, value in enumerate(node.value):
                    visit(value, (*path, index))

        visit(root, ())

    def _measure(self, node: "Node", known: dict[int, int], inside: tuple[int, ...]) -> int:
        """Return how many values a node has with its aliases written out.

        Raises:
            TaskError: they are too many, too deep, or one of them is inside itself.
        """
        from ruamel.yaml.nodes import MappingNode, SequenceNode

        line = node.start_mark.line + 1
        if id(node) in inside:
            raise self.wrong("the alias refers to itself", line)
        if len(inside) > _DEEPEST:
            raise self.wrong("is nested too deeply", line)
        if id(node) not in known:
            parts: list[Node] = []
            if isinstance(node, MappingNode):
                parts = [part for pair in node.value for part in pair]
            elif isinstance(node, SequenceNode):
                parts = node.value
            around = (*inside, id(node))
            known[id(node)] = 1 + sum(self._measure(part, known, around) for part in parts)
        if known[id(node)] > _MOST_VALUES:
            raise self.wrong(f"holds more than {_MOST_VALUES} values", line)
        return known[id(node)]


def read_text(path: Path, what: str = "task file") -> str:
    """Return the text of a file of the user's.

    Args:
        path: the file.
        what: what it should be, as messages have it.

    Raises:
        TaskError: it is missing, too large, no regular file, or no text.
    """
    name = _one_line(str(path))
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise TaskError([f"{name}: is a folder; name the {what} in it"])
        if not stat.S_ISREG(status.st_mode):
            # A pipe that nobody writes to would be waited for forever.
            raise TaskError([f"{name}: is no regular file; write the {what} to one"])
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            size = f"{MAX_BYTES // 2**10} KiB"
            raise TaskError([f"{name}: is larger than {size}, so it is no {what}"])
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        raise TaskError([f"{name}: there is no such file"]) from None
    except UnicodeDecodeError:
        raise TaskError([f"{name}: is not UTF-8 text, so it is no {what}"]) from None
    except OSError as error:
        raise TaskError([f"{name}: cannot be read: {error.strerror}"]) from None
    except ValueError:
        raise TaskError([f"{name}: is no path"]) from None


def dotted(path: FieldPath) -> str:
    """Write a path as people do: `slo.latency.p90.threshold`, `num_concurrency[0]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def kind(value: Any) -> str:
    """Return what a value is, in words."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list() | tuple():
            return "a list"
        case dict():
            return "a list of `key: value`"
        case _:
            return f"a {type(value).__name__}"


def _strange(value: Any, path: FieldPath) -> "list[tuple[FieldPath, str]]":
    """Return what of a document nothing of ours may hold."""
    if len(path) > _DEEPEST:
        return [(path[:3], "is nested too deeply")]
    match value:
        case None | bool():
            return []
        case str():
            return [(path, told)] if (told := _strange_text(value)) else []
        case int() | float():
            fine = -_LARGEST < value < _LARGEST
            return [] if fine else [(path, "is no number that anything could be set to")]
        case list():
            return [one for i, part in enumerate(value) for one in _strange(part, (*path, i))]
        case dict():
            found: list[tuple[FieldPath, str]] = []
            for key, part in value.items():
                if not isinstance(key, str):
                    found.append((path, f"has a key that is no text: {key}"))
                elif told := _strange_text(key):
                    found.append((path, f"has a key that {told}"))
                else:
                    found += _strange(part, (*path, key))
            return found
        case _:
            return [(path, f"is {kind(value)}; write it as text, in quotation marks")]


def _strange_text(text: str) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return "holds half of a surrogate pair, which is no character"
    return "holds a NUL, which no command line can" if "\0" in text else None


def _one_line(text: str) -> str:
    """Return text that commands no terminal and breaks no line, cut where it goes on too long."""
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )
    return shown if len(shown) <= _LONGEST_MESSAGE else f"{shown[:_LONGEST_MESSAGE]} …"


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key '{twice}' stands twice in one object")
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number that anything could be set to")
