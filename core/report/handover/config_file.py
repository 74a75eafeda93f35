"""The flags as a YAML file, for the engines that read one: `vllm serve --config FILE`, SGLang's
`--config FILE`. Made from the very command line that was measured."""

from collections.abc import Sequence

from core.report.handover.containers import as_yaml
from core.report.handover.deployment import Deployment

_COMMANDS = {
    "vllm": "vllm serve --config {file}",
    "sglang": "python3 -m sglang.launch_server --config {file}",
}


def config_file(deployed: Deployment, engine: str) -> str | None:
    """Return the file; None for an engine that reads none."""
    if engine not in _COMMANDS:
        return None
    start = _COMMANDS[engine].format(file=f"{deployed.name}.config.yaml")
    flags, words = _flags(deployed.argv)
    if engine == "vllm" and "model" not in flags and words:
        flags = {"model": words[-1], **flags}  # `vllm serve MODEL`
    return f"# {start}\n{as_yaml(flags)}"


def _flags(argv: Sequence[str]) -> tuple[dict[str, object], list[str]]:
    """Return the flags of a command line by name, and the words before the first of them."""
    flags: dict[str, object] = {}
    words: list[str] = []
    name = ""
    for word in argv:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            flags[name] = _value(value) if equals else True
        elif not name:
            words.append(word)
        elif flags[name] is True:
            flags[name] = _value(word)
        else:  # a flag that takes several values
            known = flags[name]
            flags[name] = (
                [*known, _value(word)] if isinstance(known, list) else [known, _value(word)]
            )
    return flags, words


def _value(word: str) -> object:
    """Return a number where the word is one, so that YAML does not quote it."""
    for number in (int, float):
        try:
            value = number(word)
        except ValueError:
            continue
        if str(value) == word:
            return value
    return word
