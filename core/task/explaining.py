"""What pydantic finds wrong, said the way a person would."""

import difflib

from pydantic_core import ErrorDetails

from core.task.configuration import spell
from core.task.source import FieldPath, kind

_LONGEST_VALUE = 60


def explanations(details: list[ErrorDetails]) -> list[tuple[FieldPath, str]]:
    """Return each mistake once, with where it stands."""
    places = {id(detail): _path_of(detail) for detail in details}
    told = [
        detail
        for detail in details
        # A list whose only items are wrong is reported as too short as well.
        if detail["type"] != "too_short"
        or not any(places[id(detail)] == path[:-1] for path in places.values() if path)
    ]
    return list(dict.fromkeys((places[id(detail)], _explained(detail)) for detail in told))


def nearest(word: str, known: list[str]) -> str:
    """Return `; did you mean …?` with what is spelled most like the word, or nothing."""
    near = difflib.get_close_matches(word.lower(), known, n=2, cutoff=0.5)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _path_of(detail: ErrorDetails) -> FieldPath:
    return tuple(step for step in detail["loc"] if step not in _NOT_IN_THE_FILE)


def _explained(detail: ErrorDetails) -> str:
    error, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    shown = spell(value) if isinstance(value, str | int | float | bool | None) else kind(value)
    if len(shown) > _LONGEST_VALUE:
        shown = f"{shown[:_LONGEST_VALUE]}…"
    match error:
        case "missing":
            # What is validated is the section; a slip in the key's name leaves both behind.
            field, section = detail["loc"][-1], value if isinstance(value, dict) else {}
            near = difflib.get_close_matches(str(field), map(str, section), n=1)
            return "is missing" + (f"; is that what {near[0]} is meant for?" if near else "")
        case "model_type" if detail["loc"] == ("model",) and isinstance(value, str):
            return f"write it as {{id_or_path: {shown}}}"
        case "literal_error":
            choices = context["expected"].replace("'", "")
            return f"'{shown}' is not one of {choices}" + nearest(
                shown, choices.replace(" or ", ", ").split(", ")
            )
        case "greater_than":
            return f"must be above {context['gt']:g}, not {shown}"
        case "greater_than_equal":
            return f"must be at least {context['ge']:g}, not {shown}"
        case "less_than":
            return f"must be below {context['lt']:g}, not {shown}"
        case "less_than_equal":
            return f"must be at most {context['le']:,g}, not {shown}"
        case "too_short" | "string_too_short":
            return "must not be empty"
        case "string_too_long":
            return f"must have at most {context['max_length']} characters"
        case "value_error":
            return str(context["error"])
    wanted = _WANTED.get(error, detail["msg"][:1].lower() + detail["msg"][1:])
    return f"{wanted}, not {shown}" if error in _WANTED else f"{wanted} (found {shown})"


_NOT_IN_THE_FILE = {"choices", "range", "[key]"}
"""Steps that pydantic puts into a path for its own sake."""

_WANTED = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "string_type": "must be text",
    "model_type": "must be a list of `key: value`",
    "dict_type": "must be a list of `key: value`",
    "tuple_type": "must be a list",
}
