"""Rules that several engines have: sizes that have to divide, GPUs that have to be there. Pure."""

from core.engines.engine import GpuFacts
from core.engines.model_facts import ModelFacts


def too_many_gpus(wanted: int, gpus: GpuFacts | None, arithmetic: str) -> str | None:
    """Return why there are not GPUs enough, or None."""
    # A machine without any GPU runs engines on its CPU.
    if gpus is None or not gpus.count or wanted <= gpus.count:
        return None
    return f"{arithmetic} = {wanted} GPUs are needed, and there are {gpus.count}"


def heads_not_shared(shards: int, facts: ModelFacts | None, flag: str) -> str | None:
    """Return why a layer's heads cannot be shared out to so many GPUs, or None."""
    if facts is None or facts.heads is None or facts.heads % shards == 0:
        return None
    return f"{flag} {shards} does not divide the model's {facts.heads} attention heads"


def kv_heads_not_shared(shards: int, facts: ModelFacts | None, flag: str) -> str | None:
    """Return why KV heads can be neither cut nor copied evenly to so many GPUs, or None."""
    if facts is None or facts.kv_heads is None or facts.latent is not None:
        return None
    few, many = sorted((shards, facts.kv_heads))
    if many % few == 0:
        return None
    return f"{flag} {shards} and the model's {facts.kv_heads} KV heads do not divide one another"


def context_too_long(asked: int | None, facts: ModelFacts | None, flag: str) -> str | None:
    """Return why the model's context is too short, or None."""
    if asked is None or facts is None or facts.context is None or asked <= facts.context:
        return None
    return f"{flag} {asked} is more than the model's {facts.context} tokens"


def first(*refusals: str | None) -> str | None:
    """Return the first reason there is."""
    return next((refusal for refusal in refusals if refusal is not None), None)
