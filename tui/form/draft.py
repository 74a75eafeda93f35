"""A task that is being written: its YAML is the truth, and the form only edits it. Pure.

Comments and the order of keys survive every change, so that somebody's own file stays theirs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from io import StringIO
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from core.errors import TaskError
from core.task import Reading, parse_task

Path: TypeAlias = tuple[str, ...]
"""Where a value stands: ("optimization", "objective")."""


@dataclass(frozen=True)
class Draft:
    """The text of a task, right or wrong."""

    text: str
    name: str = "task"
    """What messages call it."""

    @cached_property
    def reading(self) -> Reading | None:
        """The task, or None while the text is none."""
        return self._parsed[0]

    @cached_property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with the text, a line each, without the name in front."""
        return self._parsed[1]

    @cached_property
    def _parsed(self) -> tuple[Reading | None, tuple[str, ...]]:
        try:
            return parse_task(self.text, self.name), ()
        except TaskError as error:
            told = (problem.removeprefix(f"{self.name}:").strip() for problem in error.problems)
            return None, tuple(told)

    @cached_property
    def document(self) -> Mapping[str, Any] | None:
        """The text as plain values; None while it is no list of keys."""
        loaded = self._load()
        return loaded if isinstance(loaded, dict) else None

    def get(self, *path: str) -> Any:
        """Return the value at a path; None where there is none."""
        value: Any = self.document
        for step in path:
            if not isinstance(value, Mapping) or step not in value:
                return None
            value = value[step]
        return value

    def having(self, path: Path, value: Any) -> "Draft":
        """Return the draft with a value set. Sections on the way to it are made.

        Raises:
            ValueError: the text is no list of keys, so there is nowhere to put it.
        """
        document = self._editable()
        section = document
        for step in path[:-1]:
            if not isinstance(section.get(step), dict):
                section[step] = CommentedMap()
            section = section[step]
        section[path[-1]] = _flowing(value)
        return replace(self, text=_dumped(document))

    def without(self, path: Path) -> "Draft":
        """Return the draft without a value, and without the sections that it leaves empty."""
        document = self._editable()
        sections = [document]
        for step in path[:-1]:
            if not isinstance(sections[-1].get(step), dict):
                return self
            sections.append(sections[-1][step])
        sections[-1].pop(path[-1], None)
        for parent, step in zip(reversed(sections[:-1]), reversed(path[:-1]), strict=True):
            if not parent[step]:
                del parent[step]
        return replace(self, text=_dumped(document))

    def _editable(self) -> Any:
        document = self._load()
        if document is None and not self.text.strip():
            return CommentedMap()
        if not isinstance(document, dict):
            raise ValueError("the YAML cannot be read, so the form cannot change it")
        return document

    def _load(self) -> Any:
        try:
            return _yaml().load(self.text)
        except (YAMLError, ValueError, RecursionError):
            return None


def _yaml() -> YAML:
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 100
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _dumped(document: Any) -> str:
    stream = StringIO()
    _yaml().dump(document, stream)
    return stream.getvalue()


def _flowing(value: Any) -> Any:
    """Return lists and short sections so that they are written on one line."""
    if isinstance(value, Mapping):
        section = CommentedMap((key, _flowing(item)) for key, item in value.items())
        if not any(isinstance(item, Mapping) for item in value.values()):
            section.fa.set_flow_style()
        return section
    if isinstance(value, Sequence) and not isinstance(value, str):
        items = CommentedSeq(_flowing(item) for item in value)
        items.fa.set_flow_style()
        return items
    return value
