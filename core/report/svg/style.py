"""How charts look: a palette that the colour-blind can tell apart, light and dark, and the rules.

On a page the colours are the page's own variables, so that a chart follows the reader's theme; in a
file of its own it brings both. Meaning never hangs on colour alone: every mark has a shape as well.
"""

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "paper": "#ffffff",
    "ink": "#1c2430",
    "muted": "#5d6878",
    "faint": "#d9dee6",
    "accent": "#0b62b8",
    "good": "#0a7857",
    "bad": "#c81e1e",
    "warn": "#995900",
    "base": "#7a4fb5",
    "tint": "#e8f0fa",
}

DARK: Mapping[str, str] = {
    "paper": "#12161d",
    "ink": "#e6eaf1",
    "muted": "#98a4b5",
    "faint": "#2b3441",
    "accent": "#6cb2ff",
    "good": "#3fcf9f",
    "bad": "#ff6b6b",
    "warn": "#f0b14a",
    "base": "#bb9bf5",
    "tint": "#1b2735",
}

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'

_RULES = """\
.chart text {{ font: {size}px {font}; fill: {muted}; }}
.chart .strong {{ fill: {ink}; font-weight: 600; }}
.chart .strong, .chart .mono, .chart .slo-label, .chart .reference-label {{
  paint-order: stroke; stroke: {paper}; stroke-width: 3px; stroke-linejoin: round;
}}
.chart .mono {{ fill: {ink}; }}
.chart .title {{ fill: {muted}; }}
.chart .grid {{ stroke: {faint}; stroke-width: 1; fill: none; }}
.chart .axis {{ stroke: {muted}; stroke-width: 1; fill: none; }}
.chart .slo {{ stroke: {bad}; stroke-width: 1.6; stroke-dasharray: 6 4; fill: none; }}
.chart .slo-arrow {{ fill: {bad}; }}
.chart text.slo-label {{ fill: {bad}; font-weight: 600; }}
.chart .line {{ stroke: {accent}; stroke-width: 2; fill: none; stroke-linejoin: round; }}
.chart .front {{ stroke: {accent}; stroke-width: 1.5; fill: none; stroke-dasharray: 2 4; }}
.chart .reference {{ stroke: {base}; stroke-width: 1.4; fill: none; stroke-dasharray: 2 3; }}
.chart text.reference-label {{ fill: {base}; }}
.chart .ok {{ fill: {accent}; fill-opacity: .72; stroke: {paper}; stroke-width: 1; }}
.chart .broken {{ fill: none; stroke: {bad}; stroke-width: 1.8; stroke-linecap: round; }}
.chart .soft {{ fill: {paper}; stroke: {warn}; stroke-width: 1.8; }}
.chart .baseline {{ fill: {base}; stroke: {paper}; stroke-width: 1; }}
.chart .best {{ fill: {good}; stroke: {paper}; stroke-width: 1; }}
.chart .up {{ fill: {bad}; }}
.chart .down {{ fill: {good}; }}
.chart .unsure {{ fill: {paper}; stroke: {muted}; stroke-width: 1.6; }}
.chart .whisker {{ stroke: {muted}; stroke-width: 1.4; fill: none; }}
.chart .whisker-up {{ stroke: {bad}; stroke-width: 2; fill: none; }}
.chart .whisker-down {{ stroke: {good}; stroke-width: 2; fill: none; }}
.chart .zero {{ stroke: {ink}; stroke-width: 1; fill: none; }}
.chart .box {{ fill: {accent}; fill-opacity: .28; }}
.chart .box-bad {{ fill: {bad}; fill-opacity: .22; }}
.chart .box-best {{ fill: {good}; fill-opacity: .34; }}
.chart .median {{ stroke: {ink}; stroke-width: 2; }}
.chart .queued {{ fill: {faint}; }}
.chart .starting {{ fill: {muted}; fill-opacity: .55; }}
.chart .warming {{ fill: {warn}; fill-opacity: .7; }}
.chart .measuring {{ fill: {accent}; fill-opacity: .85; }}
.chart .stopping {{ fill: {base}; fill-opacity: .6; }}
.chart .failed {{ fill: {bad}; fill-opacity: .75; }}
""" + "".join(
    f".chart .solid-{ink} {{{{ fill: {{{ink}}}; fill-opacity: .8; stroke: {{paper}}; }}}}\n"
    f".chart .hollow-{ink} {{{{ fill: none; stroke: {{{ink}}}; stroke-width: 1.8; }}}}\n"
    for ink in ("ink", "accent", "good", "bad", "base", "warn", "muted")
)


def page_rules(size: int = 12) -> str:
    """Return the rules for a page that has the colours as variables: `--ink`, `--bad`, …"""
    return _RULES.format(size=size, font=FONT, **{name: f"var(--{name})" for name in LIGHT})


def own_rules(size: int = 12, *, both: bool = True) -> str:
    """Return the rules for a file of its own.

    Args:
        both: whether a reader's dark theme is followed; False: light always, as for a bitmap.
    """
    light = _RULES.format(size=size, font=FONT, **LIGHT) + f".paper {{ fill: {LIGHT['paper']}; }}\n"
    if not both:
        return light
    dark = _RULES.format(size=size, font=FONT, **DARK) + f".paper {{ fill: {DARK['paper']}; }}\n"
    return f"{light}@media (prefers-color-scheme: dark) {{\n{dark}}}\n"


def variables(palette: Mapping[str, str]) -> str:
    """Return a palette as the declarations of a page: `--ink: #1c2430; …`"""
    return " ".join(f"--{name}: {colour};" for name, colour in palette.items())
