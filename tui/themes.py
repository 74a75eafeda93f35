"""Our palettes as Textual wants them."""

from textual.theme import Theme

from tui.palette import Palette


def textual_theme(name: str, palette: Palette) -> Theme:
    """Return a palette as a theme, for what Textual itself draws."""
    return Theme(
        name=name,
        primary=palette.accent,
        accent=palette.accent,
        foreground=palette.text,
        background=palette.background,
        surface=palette.background,
        panel=palette.raised,
        error=palette.bad,
        warning=palette.warn,
        success=palette.ok,
        dark=palette.dark,
    )
