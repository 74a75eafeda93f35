"""From words to a call. Imports nothing heavy: `--help` answers at once."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from core import __version__
from core.cli.bench_arguments import add_bench, call_of
from core.errors import UsageError

Call: TypeAlias = Callable[[], int]

DESCRIPTION = """\
Finds the launch command of an LLM inference server that holds your latency limits and is faster
than the defaults: launches the server with different flags, loads it, measures it, and searches.
"""

STATUSES = """\
exit status: 0 a feasible configuration was found, 1 none was, 2 the task file or the command line
is wrong, 3 this machine cannot do it, 4 `verify` cannot tell, 130 interrupted
"""

_TASK = "its name, name#2 for the second run of it, or #id"


class Parser(argparse.ArgumentParser):
    """A parser whose complaints end the program the way all others do."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the command line.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{_short(message)}; `{self.prog} --help` lists what there is")


def _short(message: str) -> str:
    """Return a complaint with the nearest of the choices where one is near, instead of them all."""
    told = re.fullmatch(r"(?P<what>.*invalid choice: '(?P<word>.*)') \(choose from (.*)\)", message)
    if told is None:
        return message
    near = get_close_matches(told["word"], re.findall(r"[\w-]+", told[3]), n=1)
    return f"{told['what']}; did you mean {near[0]}?" if near else message


def parse(argv: Sequence[str]) -> Call:
    """Return what the words ask for, ready to be called.

    Raises:
        UsageError: they ask for nothing that there is.
    """
    asked = _parser().parse_args(argv)
    if asked.target is not None:
        return lambda: _call(
            "measuring", "measure", url=asked.target, task=asked.run, as_json=asked.json
        )
    if asked.run is not None:
        return lambda: _call(
            "running", "run_file", path=asked.run, as_json=asked.json, agreed=asked.yes
        )
    if asked.resume is not None:
        return lambda: _call("running", "resume", ref=asked.resume, as_json=asked.json)
    if asked.verb is not None:
        return lambda: int(asked.call(asked))
    return _app


def _app() -> int:
    """Show the app, which is loaded only now, and meanwhile end what dead runs have left."""
    from core.machine.runner_process import start_cleaning
    from tui.entry import run_app

    if sys.stdout.isatty():
        start_cleaning()
    return run_app()


def _call(module: str, function: str, **arguments: Any) -> int:
    """Call a function of `core.cli`, whose module is imported only now."""
    status: int = getattr(import_module(f"core.cli.{module}"), function)(**arguments)
    return status


def _parser() -> Parser:
    parser = Parser(
        prog="autotuner",
        description=DESCRIPTION,
        epilog=STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"autotuner {__version__}")
    face = parser.add_mutually_exclusive_group()
    face.add_argument("--run", metavar="TASK", type=Path, help="run a task file to its end")
    face.add_argument("--resume", metavar="TASK", help="go on with a task that was interrupted")
    parser.add_argument(
        "--target",
        metavar="URL",
        help="launch nothing: measure this server, as the task of --run says (see also: bench)",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument(
        "--yes", action="store_true", help="run the command of a `custom` engine without asking"
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser)
    _add_planning(verbs)
    _add_looking(verbs)
    _add_reporting(verbs)
    _add_ending(verbs)
    _add_engines(verbs)

    _add_measuring(verbs)
    return parser


_Verbs: TypeAlias = "argparse._SubParsersAction[Parser]"


def _add_planning(verbs: _Verbs) -> None:
    planning = verbs.add_parser("plan", help="what a task comes to, without launching anything")
    planning.add_argument("task", type=Path, help="a task file")
    planning.add_argument("--commands", action="store_true", help="every command line, too")
    _add_json(planning)
    planning.set_defaults(
        call=lambda a: _call("planning", "plan", path=a.task, as_json=a.json, commands=a.commands)
    )

    examining = verbs.add_parser("doctor", help="what of this machine is ready, and what to mend")
    examining.add_argument("task", type=Path, nargs="?", help="a task file to look at as well")
    _add_json(examining)
    examining.set_defaults(call=lambda a: _call("doctor", "examine", path=a.task, as_json=a.json))

    listing = verbs.add_parser("task-fields", help="every field that a task file may have")
    listing.add_argument("matching", nargs="?", default="", help="only those with this in them")
    _add_json(listing)
    listing.set_defaults(
        call=lambda a: _call("fields", "print_fields", matching=a.matching, as_json=a.json)
    )
    keys = verbs.add_parser("result-keys", help="every key of a result's JSON, column of its CSV")
    keys.add_argument("matching", nargs="?", default="", help="only those with this in them")
    keys.add_argument(
        "--json", action="store_true", help="the JSON Schema", default=argparse.SUPPRESS
    )
    keys.set_defaults(
        call=lambda a: _call("fields", "print_keys", matching=a.matching, as_json=a.json)
    )
    _add_presets(verbs)


def _add_presets(verbs: _Verbs) -> None:
    presets = verbs.add_parser("presets", help="list, show, import and export parameter presets")
    _add_json(presets)
    presets.set_defaults(call=lambda a: _call("presets", "list_presets", as_json=a.json))
    what = presets.add_subparsers(metavar="WHAT", parser_class=Parser)
    listing = what.add_parser("list", help="every preset with what it comes to")
    _add_json(listing)
    listing.set_defaults(call=lambda a: _call("presets", "list_presets", as_json=a.json))
    showing = what.add_parser("show", help="a preset, and what it comes to")
    showing.add_argument("name")
    showing.set_defaults(call=lambda a: _call("presets", "show", name=a.name))
    importing = what.add_parser("import", help="take a preset file in, of this or an older tool")
    importing.add_argument("file", type=Path)
    importing.set_defaults(call=lambda a: _call("presets", "import_file", path=a.file))
    exporting = what.add_parser("export", help="write a preset to a file")
    exporting.add_argument("name")
    exporting.add_argument("--format", choices=["yaml", "json"], default="yaml")
    exporting.add_argument("-o", "--output", type=Path, help="the file; default: standard output")
    exporting.set_defaults(
        call=lambda a: _call("presets", "export", name=a.name, form=a.format, output=a.output)
    )


def _add_looking(verbs: _Verbs) -> None:
    listing = verbs.add_parser("list", help="list every task")
    listing.add_argument("--all", action="store_true", help="runs of `verify` as well")
    _add_json(listing)
    listing.set_defaults(call=lambda a: _call("looking", "list_tasks", as_json=a.json, every=a.all))

    showing = verbs.add_parser("show", help="show the result of a task")
    showing.add_argument("task", help=_TASK)
    _add_json(showing)
    showing.set_defaults(call=lambda a: _call("looking", "show", ref=a.task, as_json=a.json))

    exporting = verbs.add_parser("export", help="write the result of a task to a file")
    exporting.add_argument("task", help=_TASK)
    exporting.add_argument("--format", choices=["json", "csv", "yaml"], default="json")
    exporting.add_argument("-o", "--output", type=Path, help="the file; default: standard output")
    exporting.set_defaults(
        call=lambda a: _call("looking", "export_to", ref=a.task, form=a.format, output=a.output)
    )


def _add_reporting(verbs: _Verbs) -> None:
    reporting = verbs.add_parser(
        "report", help="what a run teaches: what to deploy, why things failed, what matters"
    )
    reporting.add_argument("task", help=_TASK)
    reporting.add_argument(
        "-o", "--output", type=Path, help="a file (report.html, report.md, …) or a folder for all"
    )
    reporting.add_argument("--format", choices=["txt", "md", "html", "json", "csv"])
    reporting.add_argument("--chart", metavar="NAME", help="a single chart, as SVG or PNG")
    _add_json(reporting)
    reporting.set_defaults(
        call=lambda a: _call(
            "reporting",
            "write_report",
            ref=a.task,
            form=_json_or(a),
            output=a.output,
            chart=a.chart,
        )
    )

    verifying = verbs.add_parser(
        "verify",
        help="measure what a task recommends anew and hold it against the record",
        description="Exit status: 0 the figures hold, 1 they got worse, 4 it cannot be told; else"
        " as in `autotuner --help`.",
    )
    verifying.add_argument("task", help=f"{_TASK}; or a reproduce.yaml")
    verifying.add_argument(
        "--launches", type=_launches, default=5, help="most launches to make (default 5)"
    )
    verifying.add_argument(
        "--tolerance", type=_share, help="share by which the figure may be worse (default 0.05)"
    )
    verifying.add_argument(
        "--yes", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
    )
    _add_json(verifying)
    verifying.set_defaults(
        call=lambda a: _call(
            "verifying",
            "verify_task",
            subject=a.task,
            launches=a.launches,
            tolerance=a.tolerance,
            as_json=a.json,
            agreed=a.yes,
        )
    )

    comparing = verbs.add_parser("compare", help="several tasks side by side")
    comparing.add_argument("tasks", metavar="task", nargs="+", help=_TASK)
    comparing.add_argument("-o", "--output", type=Path, help="a file (compare.md, .html, .json)")
    comparing.add_argument("--format", choices=["txt", "md", "html", "json"])
    _add_json(comparing)
    comparing.set_defaults(
        call=lambda a: _call(
            "reporting", "compare", refs=a.tasks, form=_json_or(a), output=a.output
        )
    )


def _json_or(asked: argparse.Namespace) -> str | None:
    """Return the format asked for, of which `--json` is the short form.

    Raises:
        UsageError: both are given, and differ.
    """
    if asked.json and asked.format not in {None, "json"}:
        raise UsageError(f"--json and --format {asked.format} do not go together")
    form: str | None = "json" if asked.json else asked.format
    return form


def _launches(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if not 3 <= number <= 100:
        raise argparse.ArgumentTypeError(f"a whole number from 3 to 100, not {text}")
    return number


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"a share between 0 and 1, such as 0.05, not {text}")
    return share


def _add_ending(verbs: _Verbs) -> None:
    stopping = verbs.add_parser("stop", help="stop the run of a task; what is measured is kept")
    stopping.add_argument("task", help=_TASK)
    stopping.set_defaults(call=lambda a: _call("ending", "stop", ref=a.task))

    cleaning = verbs.add_parser("clean", help="end what dead runs have left on this machine")
    cleaning.add_argument(
        "--here",
        action="store_true",
        help="leave alone what may run on another machine that has the same home",
    )
    cleaning.set_defaults(call=lambda given: _call("ending", "clean", here=given.here))

    killing = verbs.add_parser("kill", help="end one process, after showing what it is")
    killing.add_argument("pid", type=int, help="its PID")
    killing.add_argument(
        "--confirm", metavar="PID", default="", help="the PID again, instead of typing it"
    )
    killing.set_defaults(call=lambda a: _call("ending", "kill", pid=a.pid, confirmed=a.confirm))


def _add_engines(verbs: _Verbs) -> None:
    engines = verbs.add_parser("engines", help="list the engines of this machine")
    _add_json(engines)
    engines.set_defaults(call=lambda a: _call("engines", "list_engines", as_json=a.json))
    what = engines.add_subparsers(metavar="WHAT", parser_class=Parser)
    scanning = what.add_parser("scan", help="read the flags of an installed engine anew")
    scanning.add_argument("engine", nargs="?", help="sglang, vllm or llamacpp; default: all found")
    scanning.add_argument(
        "--executable", metavar="PATH", help="its program, its Python interpreter, or its venv"
    )
    scanning.set_defaults(
        call=lambda a: _call("engines", "scan_engines", engine=a.engine, executable=a.executable)
    )


def _add_measuring(verbs: _Verbs) -> None:
    benching = verbs.add_parser("bench", help="measure a server that is already running")
    add_bench(benching)
    _add_json(benching)
    benching.set_defaults(call=lambda a: _call("measuring", "measure", **call_of(a)))


def _add_json(parser: Parser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON", default=argparse.SUPPRESS)
