"""What styles look like in each theme. Pure.

Colours never stand alone: wherever one means something, a symbol or a word beside it says the same.
The usual themes tell good from bad by blue and orange, which everybody can tell apart (after the
palette of Okabe and Ito); the lines of SLOs are red in all of them, dashed and labelled.
"""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Literal, TypeAlias

from rich.style import Style

ThemeName: TypeAlias = Literal["dark", "light", "dark red-green", "light red-green", "contrast"]


@dataclass(frozen=True)
class Palette:
    """The colours of one theme."""

    dark: bool
    text: str
    background: str
    raised: str
    """Background of what lies above the rest: the row under the cursor, dialogs."""
    muted: str
    accent: str
    ok: str
    warn: str
    bad: str
    run: str
    best: str
    slo: str

    @cached_property
    def _named(self) -> dict[str, Style]:
        parse = Style.parse
        return {
            "": Style(),
            "text": parse(self.text),
            "muted": parse(self.muted),
            "accent": parse(self.accent),
            "ok": parse(self.ok),
            "warn": parse(self.warn),
            "bad": parse(f"bold {self.bad}"),
            "run": parse(self.run),
            "best": parse(f"bold {self.best}"),
            "baseline": parse(self.accent),
            "slo": parse(f"bold {self.slo}"),
            "title": parse(f"bold {self.text}"),
            "key": parse(f"bold {self.accent}"),
            "heading": parse(f"bold {self.muted}"),
            "cursor": parse(f"bold on {self.raised}"),
            "raised": parse(f"on {self.raised}"),
            "current": parse("reverse bold"),
            "found": parse("reverse"),
            "bold": parse("bold"),
        }

    @cached_property
    def base(self) -> Style:
        """The style of text without any."""
        return Style.parse(f"{self.text} on {self.background}")

    def style(self, names: str) -> Style:
        """Return the style of `names` on the background of the theme.

        A name that is none of the palette's is one of rich's: `#ff0000`.
        """
        return _combined(self, names)


@lru_cache(4096)
def _combined(palette: Palette, names: str) -> Style:
    style = palette.base
    for name in names.split():
        style += palette._named.get(name) or Style.parse(name)
    return style


_DARK = Palette(
    dark=True,
    text="#d8dce4",
    background="#14171c",
    raised="#2b3340",
    muted="#8a93a3",
    accent="#8ab8ff",
    ok="#56b4e9",
    warn="#f0d442",
    bad="#ff8f4a",
    run="#3fd6a8",
    best="#f2a2d4",
    slo="#ff4d4d",
)
_LIGHT = Palette(
    dark=False,
    text="#1f2430",
    background="#fafaf7",
    raised="#dbe4f0",
    muted="#5d6675",
    accent="#0b57a8",
    ok="#0067a8",
    warn="#7a5d00",
    bad="#b34700",
    run="#00704f",
    best="#9b2f73",
    slo="#cc0000",
)

PALETTES: dict[ThemeName, Palette] = {
    "dark": _DARK,
    "light": _LIGHT,
    "dark red-green": replace(_DARK, ok="#5fd38a", bad="#ff6b6b"),
    "light red-green": replace(_LIGHT, ok="#1a7f37", bad="#b3261e"),
    "contrast": Palette(
        dark=True,
        text="#ffffff",
        background="#000000",
        raised="#003a70",
        muted="#c0c0c0",
        accent="#7fd0ff",
        ok="#4fc3ff",
        warn="#ffe14d",
        bad="#ffa040",
        run="#5cffc9",
        best="#ffb0e6",
        slo="#ff5050",
    ),
}
"""Every theme by the name that the settings have for it."""
