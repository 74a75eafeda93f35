"""A systemd unit for a deployment on this machine."""

from dataclasses import replace

from core.paths import path_of
from core.report.handover.containers import docker_pieces
from core.report.handover.deployment import Deployment
from core.report.secret_words import with_variables


def unit(deployed: Deployment) -> str | None:
    """Return the unit file; None where what was measured in a container has no image.

    Secrets come from an environment file that only root can read.
    """
    cached = deployed.argv is not None and any(m.source.startswith("~/") for m in deployed.mounts)
    if deployed.argv is not None:
        program, *arguments = deployed.argv  # no variable is put into the program's name
        command, needs = f"{_word(program)} {_arguments(*arguments)}".rstrip(), ""
    elif deployed.image is not None and deployed.inside is not None:
        home = str(path_of("~"))
        mounts = tuple(
            m.model_copy(update={"source": m.source.replace("~", home, m.source[:2] == "~/")})
            for m in deployed.mounts
        )
        # A service is ended by its main process; docker passes the signal on.
        pieces = docker_pieces(replace(deployed, mounts=mounts), _arguments, _arguments)
        command, needs = " ".join(pieces), "docker.service"
    else:
        return None
    lines = [
        "[Unit]",
        f"Description=LLM server {deployed.name}",
        f"After=network-online.target {needs}".rstrip(),
        "Wants=network-online.target",
        *([f"Requires={needs}"] if needs else []),
        "",
        "[Service]",
        f"ExecStart={command}",
        *(f"Environment={_word(f'{n}={v}')}" for n, v in deployed.environment.items()),
    ]
    if deployed.secrets:
        file = f"/etc/{deployed.name}.env"
        lines += [
            f"# {file} holds {', '.join(f'{name}=…' for name in deployed.secrets)}; chmod 600",
            f"EnvironmentFile={file}",
        ]
    lines += [
        *(["# User=… whose Hugging Face cache has the model, else it is root's"] if cached else []),
        "Restart=on-failure",
        "RestartSec=10",
        "TimeoutStartSec=infinity",
        "TimeoutStopSec=60",
        "LimitMEMLOCK=infinity",
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return "\n".join(lines) + "\n"


def _arguments(*words: str) -> str:
    """Return words of a command line, `$` doubled: variables would be put in."""
    doubled = (lambda word: _word(word.replace("$", "$$")), lambda name: f"${{{name}}}")
    return " ".join(with_variables(words, *doubled))


def _word(word: str) -> str:
    """Return a word as systemd reads it back: quoted, and `%` doubled."""
    word = word.replace("%", "%%")
    if word and word.isprintable() and not any(c in word for c in " \"'\\;"):
        return word
    return '"' + "".join(_escaped(character) for character in word) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return f"\\x{ord(character):02x}" if character < " " or character == "\x7f" else character
