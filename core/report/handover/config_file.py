"""The flags as a YAML file, for the engines that read one: `vllm serve --config FILE`, SGLang's
`--config FILE`. Made from the very command line that was measured."""

import re
from collections.abc import Sequence

from core.engines.catalogue import Catalogue
from core.engines.registry import ENGINES
from core.report.handover.deployment import Deployment
from core.report.handover.yaml_text import as_yaml
from core.report.launch import shell_words
from core.report.secret_words import secret_variables

_READERS = {"vllm", "sglang"}
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?")


def config_file(deployed: Deployment, engine: str) -> str | None:
    """Return the file, which says at its head how it is used; None for an engine that reads none.

    What cannot stand in it is left to the command: secrets, and flags that SGLang takes only there.
    """
    catalogue = ENGINES[engine].catalogue if engine in _READERS else None
    if catalogue is None:
        return None
    start, groups = _groups(deployed.words)
    flags: dict[str, object] = {}
    if engine == "vllm" and len(start) > 1:
        flags["model"] = start.pop()  # `vllm serve MODEL`
    start += ["--config", f"{deployed.name}.config.yaml"]
    for name, words in groups.items():
        if secret_variables(words) or (engine == "sglang" and not _read_by_sglang(name, catalogue)):
            start += words
        else:
            flags[name] = _value(words)
    return f"# {' '.join(shell_words(start))}\n{as_yaml(flags)}"


def _read_by_sglang(name: str, catalogue: Catalogue) -> bool:
    """Return whether SGLang's config file may have a flag: switches with a `--no-` form, those on
    their way out and the one that is read by a way of its own may not (0.5.23: `--config` takes
    argparse's `store` and `store_true`).
    """
    flag = catalogue.find(name)
    if flag is None or flag.name == "lora-paths":
        return flag is None
    return flag.takes != "nothing" or (flag.negation is None and flag.deprecated is None)


def _groups(argv: Sequence[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Return the words before the first flag, and every flag by name with the words it is given."""
    start: list[str] = []
    groups: dict[str, list[str]] = {}
    current = start
    for word in argv:
        if word.startswith("--"):
            current = groups[word[2:].partition("=")[0]] = []
        current.append(word)
    return start, groups


def _value(words: Sequence[str]) -> object:
    """Return what stands behind a flag's name: true for a bare switch, a list for several words."""
    flag, *given = words
    _, equals, value = flag.partition("=")
    values = [_scalar(word) for word in ([value] if equals else given)]
    return True if not values else values[0] if len(values) == 1 else values


def _scalar(word: str) -> object:
    """Return a number where the word is one and is written back the same."""
    if not _NUMBER.fullmatch(word):
        return word
    number = float(word) if "." in word else int(word)
    return number if str(number) == word else word
