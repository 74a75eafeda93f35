"""Keys of older task files that mean nothing here: kept, and told about without fuss."""

from collections.abc import Iterable
from typing import Any

from core.task.explaining import nearest
from core.task.source import FieldPath

KUBERNETES: tuple[FieldPath, ...] = (
    ("storage",),
    ("clusterbasemodel_config",),
    ("clusterservingruntime_config",),
    ("model", "namespace"),
)
"""What only means something where servers are deployed by OME on Kubernetes."""

_REPLACED: dict[FieldPath, str] = {
    ("optimization", "study_name"): "has no effect; a run is found by its task's name",
    ("optimization", "storage"): "has no effect; every run is kept in the store of this program",
    ("benchmark", "model_tokenizer"): "has no effect; tokens are counted as the server does",
    ("model", "quantization"): "has no effect; the model's own files say how it is quantised",
    (
        "model",
        "quantization_config",
    ): "has no effect; the model's own files say how it is quantised",
}


def notices_on(
    document: dict[str, Any], unknown: Iterable[tuple[FieldPath, list[str]]]
) -> list[tuple[FieldPath, str]]:
    """Return what to say of the keys that a document has and a task does not.

    Args:
        document: the file.
        unknown: where the unknown keys stand, and the known ones beside them.
    """
    told: list[tuple[FieldPath, str]] = []
    kubernetes: list[FieldPath] = []
    if document.get("deployment_mode") == "ome":
        told.append((("deployment_mode",), "there is no Kubernetes here, so it is read as local"))
    for path, known in unknown:
        if path in KUBERNETES:
            kubernetes.append(path)
        elif path in _REPLACED:
            told.append((path, _REPLACED[path]))
        else:
            told.append((path, "is not known and has no effect" + nearest(str(path[-1]), known)))
    if kubernetes:
        first, *others = kubernetes
        also = f" (and {', '.join('.'.join(map(str, path)) for path in others)})" if others else ""
        told.append((first, f"is kept, but only has a meaning on Kubernetes{also}"))
    return told
