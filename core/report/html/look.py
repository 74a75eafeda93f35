"""What the page looks like, and the few lines of script behind its tips and copy buttons.

Without the script nothing is missing: tips are the browser's own, and text can be selected.
"""

from importlib.resources import files

from core.report.svg.style import DARK, FONT, LIGHT, page_rules, variables


def style() -> str:
    """Return the style sheet: the reader's theme on a screen, the light one on paper."""
    light = f":root {{ {variables(LIGHT)} }}"
    return "\n".join(
        (
            f":root {{ color-scheme: light dark; --font: {FONT}; }}",
            light,
            f"@media (prefers-color-scheme: dark) {{ :root {{ {variables(DARK)} }} }}",
            f"@media print {{ {light} }}",
            _file("page.css"),
            page_rules(),
        )
    )


def script() -> str:
    """Return the script."""
    return _file("page.js")


def _file(name: str) -> str:
    return (files("core.report.html") / name).read_text(encoding="utf-8")
