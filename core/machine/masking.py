"""Secrets out of sight: tokens, keys and passwords in what is shown, stored or logged. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence

from core.task import SHORTEST_SECRET, is_secret_name, names_secret_file, referred

MASK = "***"

_IN_URL = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def secrets_of(argv: Sequence[str], environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the secret texts in a launch, the longest first, for masking them elsewhere."""
    found = {value for name, value in environment.items() if is_secret_name(name)}
    found |= {value for _, value in _secret_arguments(argv)}
    for text in (*argv, *environment.values()):
        found |= set(_IN_URL.findall(text))
    return tuple(sorted((s for s in found if len(s) >= SHORTEST_SECRET), key=len, reverse=True))


def secret_files(argv: Sequence[str], environment: Mapping[str, str]) -> set[str]:
    """Return the paths of files from which a launch takes secrets."""
    found = {value for name, value in environment.items() if names_secret_file(name)}
    return found | {value for _, value in _arguments(argv, names_secret_file)}


def masked(argv: Sequence[str], environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return a command line that may be shown: every secret is `***`.

    Args:
        argv: the command line.
        environment: variables whose secrets may occur in it as well.
    """
    words = list(argv)
    for index, value in _secret_arguments(argv):
        words[index] = words[index].removesuffix(value) + MASK
    secrets = secrets_of(argv, environment or {})
    return tuple(masked_text(word, secrets) for word in words)


def masked_text(text: str, secrets: Sequence[str] = ()) -> str:
    """Return `text` without these secrets, and without the user and password of any URL."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return _IN_URL.sub(MASK, text)


def _secret_arguments(argv: Sequence[str]) -> list[tuple[int, str]]:
    """Return each secret value with the index of the word that it ends."""
    return [(i, value) for i, value in _arguments(argv, is_secret_name) if referred(value) is None]


def _arguments(argv: Sequence[str], meant: Callable[[str], bool]) -> list[tuple[int, str]]:
    """Return the values of the flags that are meant, with the index of the word that each ends."""
    found = []
    for index, word in enumerate(argv):
        if not word.startswith("-"):
            continue
        name, equals, value = word.partition("=")
        if not meant(name):
            continue
        if equals:
            found.append((index, value))
        elif index + 1 < len(argv) and not argv[index + 1].startswith("--"):
            found.append((index + 1, argv[index + 1]))
    return found
