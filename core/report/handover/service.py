"""A systemd unit for a deployment on this machine."""

from core.report.handover.deployment import Deployment


def unit(deployed: Deployment) -> str:
    """Return the unit file. Secrets come from an environment file that only root can read."""
    lines = [
        "[Unit]",
        f"Description=LLM server {deployed.name}",
        "After=network-online.target",
        "Wants=network-online.target",
        "",
        "[Service]",
        f"ExecStart={' '.join(_word(word) for word in deployed.argv)}",
        *(
            f"Environment={_word(f'{n}={v}', variables=False)}"
            for n, v in deployed.environment.items()
        ),
    ]
    if deployed.secrets:
        file = f"/etc/{deployed.name}.env"
        lines += [
            f"# {file} holds {', '.join(f'{name}=…' for name in deployed.secrets)}; chmod 600",
            f"EnvironmentFile={file}",
        ]
    lines += [
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


def _word(word: str, *, variables: bool = True) -> str:
    """Return a word as systemd reads it back: quoted, with its two special characters doubled.

    Args:
        variables: whether `$` is special there, as it is in command lines alone.
    """
    word = word.replace("%", "%%")
    if variables:
        word = word.replace("$", "$$")
    if word and not any(c in word for c in " \t\n\"'\\;"):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
