"""YAML that every reader understands alike, whichever version of the language it speaks."""

import io
import re
import sys

from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import SafeRepresenter

_PLAIN = re.compile(r"-{0,2}[A-Za-z/][\w./@+=-]*", re.ASCII)
_NO_TEXT = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
"""Words that one version of YAML or another takes for something else: engines read 1.1."""


class _Representer(SafeRepresenter):
    def text(self, value: str) -> ScalarNode:
        style: str | None = "'" if value.isprintable() else '"'
        if _PLAIN.fullmatch(value) and value.lower() not in _NO_TEXT:
            style = None
        return self.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Representer.add_representer(str, _Representer.text)


def as_yaml(value: object) -> str:
    """Return a value as YAML in block style; all text but plain words is quoted."""
    buffer = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = sys.maxsize
    yaml.dump(value, buffer)
    return buffer.getvalue()
