"""Names that tell of a secret: what has one is not written down and not shown. Pure."""

import re

SHORTEST_SECRET = 6
"""Shorter values, such as `dummy` or `EMPTY`, guard nothing and would blot out common words."""

_SECRET_WORDS = {"token", "secret", "password", "passwd", "passphrase", "credential", "credentials"}
_KEYS = {"api", "access", "private", "secret", "auth", "account", "signing", "encryption"}


def is_secret_name(name: str) -> bool:
    """Return whether a flag or variable of that name holds a secret: `--api-key`, `HF_TOKEN`.

    Only the end of the name counts, so that `--tokenizer` and `--max-total-tokens` stay readable.
    """
    *before, last = re.split(r"[-_]", name.strip("-").lower())
    if last in _SECRET_WORDS or last == "apikey":
        return True
    return last == "key" and bool(before) and before[-1] in _KEYS
