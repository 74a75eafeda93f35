"""What each engine calls the figures on its Prometheus page. Data.

Each figure has the names it had in one version or another; the first one that a page holds counts.
Counters and requests are added up over the server's ranks and replicas; shares are averaged.
"""

from core.task import Frozen


class MetricNames(Frozen):
    """Names of samples, labels apart."""

    prompt_tokens: tuple[str, ...] = ()
    output_tokens: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    queued: tuple[str, ...] = ()
    kv_usage: tuple[str, ...] = ()
    preemptions: tuple[str, ...] = ()
    cache_hits: tuple[str, ...] = ()
    """Prompt tokens that the prefix cache held."""
    cache_queries: tuple[str, ...] = ()
    """Prompt tokens that were looked for in it."""
    prompts_without_cached: bool = False
    """Whether `prompt_tokens` leaves out those that the prefix cache held."""
    counted_at_the_end: bool = False
    """Whether a request's tokens are counted only when it is answered to the end."""


SGLANG = MetricNames(
    prompt_tokens=("sglang:prompt_tokens_total",),
    output_tokens=("sglang:generation_tokens_total",),
    running=("sglang:num_running_reqs",),
    queued=("sglang:num_queue_reqs",),
    kv_usage=("sglang:token_usage",),
    preemptions=("sglang:num_retracted_requests_total", "sglang:num_retractions_total"),
    cache_hits=("sglang:cached_tokens_total",),
    cache_queries=("sglang:prompt_tokens_total",),
    counted_at_the_end=True,
)

SIMULATED = SGLANG.model_copy(update={"counted_at_the_end": False})

VLLM = MetricNames(
    prompt_tokens=("vllm:prompt_tokens_total",),
    output_tokens=("vllm:generation_tokens_total",),
    running=("vllm:num_requests_running",),
    queued=("vllm:num_requests_waiting",),
    kv_usage=("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"),
    preemptions=("vllm:num_preemptions_total",),
    cache_hits=("vllm:prefix_cache_hits_total", "vllm:gpu_prefix_cache_hits_total"),
    cache_queries=("vllm:prefix_cache_queries_total", "vllm:gpu_prefix_cache_queries_total"),
)

LLAMACPP = MetricNames(
    prompt_tokens=("llamacpp:prompt_tokens_total",),
    output_tokens=("llamacpp:tokens_predicted_total",),
    running=("llamacpp:requests_processing",),
    queued=("llamacpp:requests_deferred",),
    kv_usage=("llamacpp:kv_cache_usage_ratio",),
    cache_hits=("llamacpp:prompt_tokens_cached_total",),
    prompts_without_cached=True,
    counted_at_the_end=True,
)
