"""What a model is, as far as its own files say: sizes, heads, types, quantisation. Pure.

`core.engines.model_reading` reads it from a folder or a GGUF file. What the files do not say is
None; nothing is guessed from a name.
"""

from typing import Literal

from core.task import Frozen


class ModelFacts(Frozen):
    """The shape of a transformer and of its weights."""

    format: Literal["huggingface", "gguf", "simulated"]
    architecture: str = ""
    """`LlamaForCausalLM`, or what a GGUF file calls it: `llama`."""
    parameters: int | None = None
    """Stored numbers; for packed low-bit weights fewer than the model has."""
    weight_bytes: int | None = None
    """Bytes of the weights as they are stored."""
    layers: int | None = None
    kv_layers: int | None = None
    """Layers whose keys and values grow with the context; fewer than `layers` in hybrid models."""
    hidden: int | None = None
    intermediate: int | None = None
    """Width of a layer's MLP, on all GPUs together."""
    heads: int | None = None
    kv_heads: int | None = None
    head_size: int | None = None
    latent: int | None = None
    """Numbers a token leaves in each layer where attention is latent (MLA); None elsewhere."""
    vocabulary: int | None = None
    experts: int = 0
    """Routed experts of a layer; 0 for a dense model."""
    context: int | None = None
    """Longest prompt and answer together, in tokens."""
    dtype: str | None = None
    """Type of the weights that are not quantised: `bfloat16`."""
    quantization: str | None = None
    """How the weights are quantised, in the model's own words: `awq`, `fp8`, `Q4_K_M`."""

    missing_files: tuple[str, ...] = ()
    """Files that the model's own index names and that are not there."""

    def kv_bytes_per_token(self, element: float = 2.0, shards: int = 1) -> float | None:
        """Return the bytes of keys and values that a token leaves on one of `shards` GPUs.

        With more shards than KV heads, heads are copied and not cut; a latent is never cut.

        Args:
            element: bytes of a number in the cache.
            shards: GPUs that share a layer's heads.
        """
        layers = self.kv_layers or self.layers
        if layers is None:
            return None
        if self.latent is not None:
            return layers * self.latent * element
        if self.kv_heads is None or self.head_size is None:
            return None
        return 2.0 * layers * max(self.kv_heads / shards, 1.0) * self.head_size * element

    def loaded_bytes(self, quantization: str | None = None) -> float | None:
        """Return the bytes of the weights in memory, halved where fp8 is made while loading."""
        if self.weight_bytes is None:
            return None
        halved = quantization is not None and "fp8" in quantization and self.quantization is None
        if not halved:
            return float(self.weight_bytes)
        # Embeddings and the head stay as they are.
        kept = 2 * 2.0 * (self.vocabulary or 0) * (self.hidden or 0)
        return kept + max(self.weight_bytes - kept, 0.0) / 2
