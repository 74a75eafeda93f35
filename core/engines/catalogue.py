"""Which flags an engine has: names, aliases, types, choices. Data, one JSON file per engine.

A catalogue answers three questions before anything is launched: does the engine know this flag,
may it have this value, and how is it written on the command line.

Two kinds of files: those that are shipped, and those that the user had read from an engine of his
own (`core.engines.scanning`), which come first.
"""

import difflib
import json
import os
from collections.abc import Mapping
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from core.engines.equivalents import accepted_as, meant_by
from core.engines.flag import Flag
from core.errors import HostError
from core.home import home
from core.task import FlagValue, Frozen


class Catalogue(Frozen):
    """All flags of one version of an engine."""

    engine: str
    version: str
    flags: tuple[Flag, ...]
    executable: str | None = None
    """The engine that they were read from; None for those that are shipped."""

    @property
    def program(self) -> str | None:
        """The engine that the flags were read from, where it is still there to be launched."""
        there = self.executable is not None and os.access(self.executable, os.X_OK)
        return self.executable if there else None

    @classmethod
    def load(cls, engine: str) -> "Catalogue":
        """Return the catalogue that the user had read from his engine, else the shipped one.

        Raises:
            HostError: the user's file is damaged, or may not be read.
        """
        path = scanned_path(engine)
        try:
            return cls.model_validate_json(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return cls.shipped(engine)
        except PermissionError as error:
            raise HostError(
                f"{path}: cannot be read: {error.strerror}; give yourself the right, or set"
                " AUTOTUNER_HOME to another folder"
            ) from None
        except (OSError, ValidationError):
            raise HostError(
                f"{path}: cannot be read; make it anew with `autotuner engines scan {engine}`,"
                " or delete it"
            ) from None

    @classmethod
    def shipped(cls, engine: str) -> "Catalogue":
        """Return the catalogue that comes with this program."""
        path = files("core.engines") / "catalogues" / f"{engine}.json"
        return cls.model_validate_json(path.read_bytes())

    def text(self) -> str:
        """Return it as JSON, a line for each flag."""
        flags = ",\n".join(
            json.dumps(flag.model_dump(exclude_defaults=True), ensure_ascii=False)
            for flag in self.flags
        )
        head = self.model_dump(include={"engine", "version", "executable"}, exclude_none=True)
        named = json.dumps(head, ensure_ascii=False)[1:-1]
        return f'{{{named}, "flags": [\n{flags}\n]}}\n'

    @cached_property
    def _by_name(self) -> dict[str, Flag]:
        names: dict[str, Flag] = {}
        for flag in self.flags:
            for spelling in flag.spellings:
                names.setdefault(_plain(spelling), flag)
        for flag in self.flags:
            if flag.negation:
                opposite = Flag(
                    spellings=(flag.negation,), takes="nothing", negation=flag.spellings[0]
                )
                names.setdefault(opposite.name, opposite)
        return names

    def find(self, name: str) -> Flag | None:
        """Return the flag of that name: any alias, with or without dashes, `_` and `-` alike.

        A short name that people use for every engine, such as `tp`, finds what this one calls it;
        `compilation-config.mode` finds the part of a flag that takes JSON.
        """
        plain = _plain(name)
        found = self._by_name.get(plain) or self._by_name.get(accepted_as(plain, self.engine))
        return found or self._part(name)

    def _part(self, name: str) -> Flag | None:
        whole, dot, part = name.partition(".")
        flag = self._by_name.get(_plain(whole))
        if not dot or flag is None or flag.type != "json":
            return None
        return Flag(spellings=(f"{flag.spellings[0]}.{part}",), takes="value")

    def nearest(self, name: str) -> list[str]:
        """Return up to three flags that `name` may have been meant as."""
        matches = difflib.get_close_matches(_plain(name), list(self._by_name), n=6, cutoff=0.6)
        return list(dict.fromkeys(self._by_name[match].name for match in matches))[:3]

    def refuse(self, name: str, value: FlagValue) -> str | None:
        """Return why the engine would not take this flag with this value, or None if it would."""
        flag = self.find(name)
        return self._unknown(name) if flag is None else flag.refuse(value)

    def _unknown(self, name: str) -> str:
        told = f"{self.engine} {self.version} has no such flag"
        if (meant := meant_by(_plain(name), self.engine)) is not None:
            return f"{told}; there it is {meant}"
        near = self.nearest(name)
        return f"{told}; did you mean {' or '.join(near)}?" if near else told

    def write(self, values: Mapping[str, FlagValue]) -> list[str]:
        """Return the arguments that set all of `values`, the same for the same values in any order.

        A flag the catalogue lacks is written as it is named, with two dashes.
        """
        arguments: dict[str, list[str]] = {}
        for name, value in values.items():
            flag = self.find(name) or unknown_flag(name, value)
            arguments[flag.name] = flag.write(value)
        return [argument for name in sorted(arguments) for argument in arguments[name]]


def scanned_path(engine: str) -> Path:
    """Return where the user's own catalogue of an engine is kept."""
    return home() / "engines" / f"{engine}.json"


def unknown_flag(name: str, value: FlagValue) -> Flag:
    """Return a stand-in for a flag no catalogue has, which takes what it is given."""
    spelling = name if name.startswith("-") else f"--{name.replace('_', '-')}"
    return Flag(spellings=(spelling,), takes="nothing" if isinstance(value, bool) else "value")


def _plain(name: str) -> str:
    return name.lstrip("-").replace("_", "-")
