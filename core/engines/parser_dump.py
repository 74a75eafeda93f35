"""Write down what an installed engine's own argument parser takes. Runs in the engine's Python.

    /opt/sglang/bin/python core/engines/parser_dump.py sglang > sglang.json

Stands alone: standard library and the engine, nothing of ours, any Python from 3.9. The output has
the form of a catalogue (`core.engines.catalogue`). No model is loaded and no GPU is touched.
"""

import argparse
import importlib.metadata
import json
import re
import sys
from pathlib import Path
from typing import Any

TYPES = {"int": "int", "float": "float", "human_readable_int": "size"}
"""What a parser's converter reads, by its name; anything else is text."""
JSON_READERS = ("loads", "json_list_type", "parse_dataclass", "union_dict_and_str", "_parse_type")
DEPRECATED = re.compile(r"^\(?deprecated|(?:is|are) deprecated", re.IGNORECASE)
REPLACEMENT = re.compile(r"[Uu]se (--[a-z][\w.-]*\w)")


def sglang_parser() -> argparse.ArgumentParser:
    """Return the parser of `python -m sglang.launch_server`."""
    from sglang.srt.server_args import ServerArgs

    parser = argparse.ArgumentParser()
    ServerArgs.add_cli_args(parser)
    return parser


def vllm_parser() -> argparse.ArgumentParser:
    """Return the parser of `vllm serve`."""
    # Its parts move from version to version; the command that uses them has stayed where it is.
    from vllm.entrypoints.cli import serve

    parser: argparse.ArgumentParser = serve.make_arg_parser(serve.FlexibleArgumentParser())
    return parser


PARSERS = {"sglang": sglang_parser, "vllm": vllm_parser}


def checked_later(engine: str) -> "dict[str, list[str]]":
    """Return choices that the parser leaves open and the engine checks once it has started."""
    if engine != "vllm":
        return {}
    from vllm.model_executor.layers.quantization import QUANTIZATION_METHODS

    return {"quantization": sorted(map(str, QUANTIZATION_METHODS))}


def describe(action: argparse.Action) -> "dict[str, Any]":
    """Return one flag in the catalogue's form."""
    negations = [s for s in action.option_strings if s.startswith("--no-")]
    spellings = [s for s in action.option_strings if s not in negations]
    if len(negations) == len(action.option_strings):
        spellings, negations = negations, []
    flag: dict[str, Any] = {"spellings": spellings, "takes": arity(action)}
    kind = kind_of(action) if flag["takes"] != "nothing" else "str"
    if kind != "str":
        flag["type"] = kind
    default = plain(action.default)
    if action.choices is not None:
        flag["choices"] = choices_of(action)
        if str(default) not in flag["choices"]:
            default = None  # it stands for "not given" and cannot be written
    if default is not None:
        flag["default"] = default
    if negations:
        flag["negation"] = negations[0]
    replaced_by = replacement(action)
    if replaced_by is not None:
        flag["deprecated"] = replaced_by
    return flag


def choices_of(action: argparse.Action) -> "list[str]":
    """Return the values a flag may have; those of a set in order, as a set has none."""
    choices = [str(getattr(choice, "value", choice)) for choice in action.choices or ()]
    return sorted(choices) if isinstance(action.choices, (set, frozenset)) else choices


def arity(action: argparse.Action) -> str:
    """Return whether a flag takes nothing, one value or several."""
    if action.nargs == 0:
        return "nothing"
    return "values" if action.nargs in ("+", "*") or isinstance(action.nargs, int) else "value"


def kind_of(action: argparse.Action) -> str:
    """Return what a flag's converter reads; one inside a closure is found, too."""
    inside = [cell.cell_contents for cell in getattr(action.type, "__closure__", None) or ()]
    for converter in (action.type, *inside):
        name = getattr(converter, "__name__", "")
        if name in JSON_READERS:
            return "json"
        if name.startswith("human_readable_int"):
            return "size"
        if name in TYPES:
            return TYPES[name]
    return "str"


def plain(value: object) -> "object | None":
    """Return a default that a catalogue can hold: true, false, a number or text."""
    value = getattr(value, "value", value)
    return value if isinstance(value, (bool, int, float, str)) and value != "==SUPPRESS==" else None


def replacement(action: argparse.Action) -> "str | None":
    """Return what replaces a deprecated flag, "" where nothing is named; None if it is current."""
    text = " ".join((action.help or "").split())
    if not DEPRECATED.search(text.split(". ")[0]) and "Deprecated" not in type(action).__name__:
        return None
    named = getattr(action, "new_flag", None) or next(iter(REPLACEMENT.findall(text)), "")
    return str(named).lstrip("-")


def dump(engine: str) -> "dict[str, Any]":
    """Return everything the engine's parser takes."""
    later = checked_later(engine)
    flags = [
        describe(action)
        for action in PARSERS[engine]()._actions
        if action.option_strings and "--help" not in action.option_strings
    ]
    for flag in flags:
        known = later.get(flag["spellings"][0].lstrip("-"))
        if known is not None:
            flag.setdefault("choices", known)
    version = importlib.metadata.version(engine).split("+")[0]
    return {"engine": engine, "version": version, "flags": flags}


if __name__ == "__main__":
    # Beside this file lie modules that are named like the engines' own packages.
    here = Path(__file__).resolve().parent
    sys.path[:] = [place for place in sys.path if Path(place).resolve() != here]
    written = dump(sys.argv[1])
    # The engine may have logged to standard output; what counts is the last line.
    sys.stdout.write("\n" + json.dumps(written) + "\n")
