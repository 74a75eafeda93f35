"""What the terminal can do, by what the environment says of it. Pure.

Asking the terminal itself costs a round trip on a slow line, and old ones print the question.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_SIMPLE = ("linux", "vt100", "vt102", "vt220", "vt320", "ansi", "cons25", "dumb", "unknown", "")
"""Terminals, by the start of TERM, that lack symbols such as ✓ and print what they do not know."""

_OLD_NAMES = ("xterm", "rxvt")
"""What terminals call themselves that copy an old one; newer ones add to it: `xterm-256color`."""

_COLOURLESS = ("vt1", "vt2", "vt3", "dumb")


@dataclass(frozen=True)
class Capabilities:
    """What may be sent to a terminal."""

    ascii: bool
    """Only ASCII: its character set or its font has no more."""
    colour: bool
    queries: bool
    """It may be asked for extensions, and have them turned on, without printing that."""
    light: bool
    """Its background is known to be light."""


def capabilities(environment: Mapping[str, str], encoding: str) -> Capabilities:
    """Return what a terminal can do.

    Args:
        environment: with TERM, NO_COLOR, COLORFGBG.
        encoding: of the output: `utf-8`.
    """
    term = environment.get("TERM", "")
    simple = term.split("-")[0] in _SIMPLE
    # GNU screen prints what it does not know; tmux calls itself screen too, but says so.
    screen = term.startswith("screen") and not environment.get("TMUX")
    return Capabilities(
        ascii=simple or encoding.lower().replace("-", "") != "utf8",
        colour=not environment.get("NO_COLOR") and not term.startswith(_COLOURLESS),
        queries=not simple and not screen and term not in _OLD_NAMES,
        light=_is_light(environment.get("COLORFGBG", "")),
    )


def _is_light(foreground_and_background: str) -> bool:
    """rxvt and its kin set `0;15`: the numbers of the ANSI colours of text and background."""
    background = foreground_and_background.rpartition(";")[2]
    return background in {"7", "15"}
