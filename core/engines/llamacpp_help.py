"""Read llama-server's flags from its own `--help`. Pure.

An entry starts at the left edge and its description at column 40; a long entry pushes the
description to the next line:

    -b,    --batch-size N                   logical maximum batch size (default: 2048)
    --perf, --no-perf                       whether to enable internal timings (default: false)
    -fa,   --flash-attn [on|off|auto]       set Flash Attention use (default: 'auto')
"""

import re
from collections.abc import Iterator
from typing import Literal

from core.engines.catalogue import Catalogue
from core.engines.flag import Flag
from core.task import FlagValue, spell

_COLUMN = 40
_SPELLING = re.compile(r"(-{1,2}[A-Za-z][\w.-]*)(?:,\s+(?=-)|\s+|$)")
_DEFAULT = re.compile(r"default:\s*'?(?P<value>[^'),\s]+)'?\s*[),]")
"""A single word; "same as --threads" and "loaded from model" are no values."""
_DEPRECATED = re.compile(r"DEPRECATED(?: in favor of `--(?P<name>[\w-]+)`)?")
_CHOICES = (
    re.compile(r"^[\[{<]([\w.+-]+(?:[|,][\w.+-]+)+)[\]}>]$"),
    re.compile(r"allowed values:\s*([\w.+-]+(?:,\s*[\w.+-]+)*)"),
)


def parse_help(text: str, version: str) -> Catalogue:
    """Return the catalogue that a `llama-server --help` spells out."""
    flags = tuple(_flag(head, description) for head, description in _entries(text))
    return Catalogue(engine="llamacpp", version=version, flags=flags)


def _entries(text: str) -> Iterator[tuple[str, str]]:
    head, description = "", ""
    for line in text.splitlines():
        if line.startswith("-") and not line.startswith("-----"):
            if head:
                yield head, description
            long = len(line) > _COLUMN and line[_COLUMN - 1] != " "
            head, description = (line, "") if long else (line[:_COLUMN], line[_COLUMN:])
        else:
            description += " " + line.strip()
    if head:
        yield head, description


def _flag(head: str, description: str) -> Flag:
    spellings: list[str] = []
    while match := _SPELLING.match(head):
        spellings.append(match[1])
        head = head[match.end() :]
    value = head.strip()
    on = [s for s in spellings if not _is_negation(s, spellings)]
    off = [s for s in spellings if s not in on]
    choices = _choices(value, description)
    default = _default(description) if value else None
    if choices is not None and spell(default) not in choices:
        default = None
    deprecated = _DEPRECATED.search(description)
    return Flag(
        spellings=tuple(sorted(on, key=_readability)),
        takes="value" if value else "nothing",
        type=_type(value, choices, default),
        default=default,
        choices=choices,
        negation=min(off, key=_readability, default=None),
        deprecated=(deprecated["name"] or "") if deprecated else None,
    )


def _is_negation(spelling: str, spellings: list[str]) -> bool:
    """`--no-perf` negates `--perf`, `-nkvo` goes with `--no-kv-offload`; `--no-host` is its own."""
    if spelling.startswith("--no-"):
        return f"--{spelling[5:]}" in spellings
    long_negation = any(s.startswith("--no-") and f"--{s[5:]}" in spellings for s in spellings)
    return long_negation and not spelling.startswith("--") and spelling.startswith(("-n", "-no-"))


def _readability(spelling: str) -> tuple[bool, int]:
    return (not spelling.startswith("--"), -len(spelling))


def _choices(value: str, description: str) -> tuple[str, ...] | None:
    if not value:
        return None
    for pattern, text in zip(_CHOICES, (value, description), strict=True):
        if match := pattern.search(text):
            choices = tuple(choice.strip() for choice in re.split(r"[|,]", match[1]))
            return None if ".." in choices else choices  # `dev1,dev2,..` are examples
    return None


def _type(
    value: str, choices: tuple[str, ...] | None, default: FlagValue
) -> Literal["int", "float", "str"]:
    # The help calls every number N; the default of one that need not be whole has a point in it.
    # Some may be a word such as `auto`.
    if value != "N" or choices or isinstance(default, str):
        return "str"
    return "int" if isinstance(default, int) else "float"


def _default(description: str) -> FlagValue:
    match = _DEFAULT.search(description)
    if match is None:
        return None
    word = match["value"].strip('"')
    for read in (int, float):
        try:
            return read(word)
        except ValueError:
            continue
    return word or None
