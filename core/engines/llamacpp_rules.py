"""Which flags of llama-server go together. Pure."""

from collections.abc import Mapping

from core.engines.sizes import size
from core.task import FlagValue

_WHOLE = {"f32", "f16", "bf16"}


def conflict(flags: Mapping[str, FlagValue]) -> str | None:
    """Return which flags do not go together."""
    cache = str(flags.get("cache-type-v") or "f16")
    if cache not in _WHOLE and str(flags.get("flash-attn")).lower() in {"off", "0", "false"}:
        return f"cache-type-v {cache} is quantised and needs flash-attn"
    batch, part = size(flags.get("batch-size")), size(flags.get("ubatch-size"))
    if batch is not None and part is not None and part > batch:
        return f"ubatch-size {part} would be cut to batch-size {batch}"
    return None
