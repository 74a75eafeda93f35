"""A unit's command line read back: by systemd's own rules, and by its own library where it is here.

The rules are those of systemd.syntax(7), "Quoting", and systemd.service(5), "Command lines".
"""

import ctypes
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

_EXTRACT = 1 << 1 | 1 << 5
"""`EXTRACT_CUNESCAPE | EXTRACT_UNQUOTE`, systemd 252."""
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "s": " ", "\\": "\\", '"': '"', "'": "'"}


def words_of(line: str) -> list[str]:
    """Split a value into words: quotes, and the escapes of C."""
    words: list[str] = []
    at, word, quote = 0, "", ""
    begun = False
    while at < len(line):
        character = line[at]
        if character == "\\":
            if line[at + 1] == "x":
                word, at = word + chr(int(line[at + 2 : at + 4], 16)), at + 3
            else:
                word, at = word + _ESCAPES[line[at + 1]], at + 1
            begun = True
        elif quote:
            quote = "" if character == quote else quote
            word += character if quote else ""
        elif character in "\"'":
            quote, begun = character, True
        elif character in " \t\n\r":
            words += [word] if begun else []
            word, begun = "", False
        else:
            word, begun = word + character, True
        at += 1
    assert not quote
    return [*words, *([word] if begun else [])]


def words_by_systemd(line: str) -> list[str]:
    """The same by systemd's `extract_first_word`."""
    extract = _library().extract_first_word
    buffer = ctypes.create_string_buffer(line.encode())
    left, word = ctypes.c_char_p(ctypes.addressof(buffer)), ctypes.c_char_p()
    words = []
    while True:
        state = extract(ctypes.byref(left), ctypes.byref(word), None, _EXTRACT)
        assert state >= 0, line
        if state == 0:
            return words
        assert word.value is not None
        words.append(word.value.decode())


@cache
def _library() -> ctypes.CDLL:
    found = next(Path("/usr/lib").glob("*/systemd/libsystemd-shared-252.so"), None)
    if found is None:
        pytest.skip("no libsystemd-shared-252.so is here, whose flags are known")
    return ctypes.CDLL(str(found))


def expanded(word: str, variables: Mapping[str, str]) -> str:
    """Put specifiers and variables into one word of a command line."""
    assert not re.search(r"(?<!%)(?:%%)*%(?!%)", word), f"a specifier: {word}"
    pattern = re.compile(r"\$\$|\$\{(\w+)\}")
    return pattern.sub(lambda m: variables[m[1]] if m[1] else "$", word.replace("%%", "%"))
