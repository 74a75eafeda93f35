"""Which characters may reach a terminal: symbols beside every colour, plain ones where need be."""

import re
import unicodedata

from core.events import Experiment, Outcome, SloVerdict

HELD, BROKEN, WARNING, BEST, NOTHING = "✓", "✗", "!", "★", "–"

STYLES = {HELD: "green", BROKEN: "red", WARNING: "yellow", BEST: "bold"}
"""The colour that goes with a symbol, for those who see it."""

_PLAIN = str.maketrans(
    {
        HELD: "+", BROKEN: "x", BEST: "*", NOTHING: "-", "—": "-", "·": "-", "…": "...", "×": "x",
        "µ": "u", "μ": "u", "σ": "s", "−": "-", "≥": ">=", "≤": "<=", "→": "->",
    }
)  # fmt: skip

_ESCAPE_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])"
)


def ascii_only(text: str) -> str:
    """Return `text` in ASCII: stand-ins for symbols, letters without accents, ? for the rest."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    kept = "".join(character for character in decomposed if not unicodedata.combining(character))
    return kept.encode("ascii", "replace").decode("ascii")


def one_line(text: str) -> str:
    """Return text of foreign origin, such as a log line, as one line that commands no terminal."""
    text = " ".join(_ESCAPE_SEQUENCE.sub("", text).split())
    return "".join(character for character in text if character.isprintable())


def slo_symbol(slo: SloVerdict) -> str:
    """Return ✓ for an SLO that holds, ✗ for one that makes infeasible, ! for any other."""
    if slo.held:
        return HELD
    return BROKEN if slo.broken else WARNING


def outcome_symbol(experiment: Experiment) -> str:
    """Return ✓, ✗ or ! for how an experiment ended; a space while it is under way."""
    match experiment.outcome:
        case None:
            return " "
        case Outcome.OK:
            return HELD
        case Outcome.INFEASIBLE | Outcome.FAILED:
            return BROKEN
        case Outcome.PRUNED | Outcome.CANCELLED | Outcome.INTERRUPTED:
            return WARNING
