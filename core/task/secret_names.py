"""Names that tell of a secret: what has one is not written down and not shown. Pure."""

import re

SHORTEST_SECRET = 6
"""Shorter values, such as `dummy` or `EMPTY`, guard nothing and would blot out common words."""

_SECRET_WORDS = {"token", "secret", "password", "passwd", "passphrase", "credential", "credentials"}
_KEYS = {"api", "access", "private", "secret", "auth", "account", "signing", "encryption"}
_REFERENCE = re.compile(r"\$([A-Z_][A-Z0-9_]*)")


def is_secret_name(name: str) -> bool:
    """Return whether a flag or variable of that name holds a secret: `--api-key`, `HF_TOKEN`.

    Only the end of the name counts, so that `--tokenizer` and `--max-total-tokens` stay readable.
    """
    *before, last = re.split(r"[-_]", name.strip("-").lower())
    if last in _SECRET_WORDS or last == "apikey":
        return True
    return last == "key" and bool(before) and before[-1] in _KEYS


def names_secret_file(name: str) -> bool:
    """Return whether a flag or variable of that name names a file with secrets: `--api-key-file`,
    `HF_TOKEN_PATH`."""
    what, _, ending = name.replace("-", "_").rpartition("_")
    return ending.lower() in {"file", "path"} and is_secret_name(what)


def referred(word: str) -> str | None:
    """Return the variable whose value a word of a command line stands for: `$SGLANG_API_KEY`.

    Only a variable with the name of a secret is meant; any other word is what it is.
    """
    found = _REFERENCE.fullmatch(word)
    return found[1] if found and is_secret_name(found[1]) else None
