"""The last line of defence against secrets in the store.

Whoever launches a server masks what it knows to be secret. A server's own words, a proxy's address
or a task file can still carry one, so all text that is written passes here and loses what has the
shape or the name of a secret.
"""

import re

from core.task import SHORTEST_SECRET, Task, is_secret_name, referred

SECRET = "<secret>"
"""What stands in its place: plain text in YAML, in JSON and to a reader."""


_SHAPES = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}"
    r"|github_pat_\w{20,}|glpat-[\w-]{16,}|nvapi-[\w-]{16,}|AKIA[0-9A-Z]{16}"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,})"
)
_CREDENTIALS_IN_URL = re.compile(r"(?<=://)[^\s/@:\"'\\]+:[^\s/@\"'\\]+(?=@)")
_NAMES = r"(?:(?:\b|_)(?:TOKEN|API_KEY|SECRET|PASSWORD)|\b(?:api[-_]key|hf[-_]token|password))"
_PLAIN_LITERAL = r"(?:null|true|false|[-+.\d]+)(?=[\s,}\]]|$)|\$"
"""What a name may be followed by without giving anything away, or must keep to stay JSON."""
_NAMED = re.compile(
    rf"""( {_NAMES} \\*["']? \s*[:=]\s* \\*["']?      # HF_TOKEN=…   "HF_TOKEN": "…"
         | --{_NAMES} (?: \s+ | \\*["'],\s*\\*["'] )   # --api-key …  "--api-key", "…"
         )
         (?!{_PLAIN_LITERAL}) [^\s"'\\,{{}}\[\]]++ (?!\\*["']\s*:)  # the next key is no value""",
    re.VERBOSE,
)


_TRACES = (
    "hf_", "sk-", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "nvapi-", "AKIA",
    "eyJ", "://", "TOKEN", "KEY", "SECRET", "PASSWORD", "api-key", "api_key", "hf-token",
    "hf_token", "password",
)  # fmt: skip
"""One of these is in every text that one of the patterns finds something in."""


def mask(text: str) -> str:
    """Return `text` with `<secret>` in place of every known kind of token, key and password.

    Valid JSON stays valid JSON, valid YAML valid YAML.
    """
    # The patterns take fifty times as long as this, and nearly every event is free of traces.
    if not any(trace in text for trace in _TRACES):
        return text
    text = _SHAPES.sub(SECRET, text)
    text = _CREDENTIALS_IN_URL.sub(SECRET, text)
    return _NAMED.sub(rf"\1{SECRET}", text)


def without_secrets(task: Task) -> Task:
    """Return the task with `<secret>` for every variable and argument that is named like one."""
    engine = task.engine
    update = {
        "environment": {
            n: SECRET if is_secret_name(n) else v for n, v in engine.environment.items()
        },
        "arguments": {
            n: SECRET if is_secret_name(n) and isinstance(v, str) and not referred(v) else v
            for n, v in engine.arguments.items()
        },
    }
    return task.model_copy(update={"engine": engine.model_copy(update=update)})


def mask_task_text(text: str, task: Task) -> str:
    """Return a task file's text with none of that task's secrets in it."""
    named = {**task.engine.environment, **task.engine.arguments}
    values = {str(v) for n, v in named.items() if is_secret_name(n) and isinstance(v, str)}
    for value in sorted(values, key=len, reverse=True):
        if len(value) >= SHORTEST_SECRET and not referred(value):
            text = text.replace(value, SECRET)
    return mask(text)
