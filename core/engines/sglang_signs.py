"""What the log of a failing SGLang gives away, by version 0.5.23."""

from core.engines.signs import COMMON_SIGNS, Sign
from core.engines.torch_signs import TORCH_SIGNS
from core.events import FailureKind

SGLANG_SIGNS: tuple[Sign, ...] = (
    Sign.of(
        r"Capture (?P<which>\w* ?cuda) graph failed:.*out of memory",
        FailureKind.OUT_OF_MEMORY,
        "the GPU ran out of memory while {which} graphs were captured",
        "lower mem-fraction-static or cuda-graph-max-bs-decode",
    ),
    Sign.of(
        r"Not enough memory\. Please try to increase --mem-fraction-static",
        FailureKind.OUT_OF_MEMORY,
        "the weights leave no memory for the KV cache",
        "raise mem-fraction-static, use a smaller dtype, or more GPUs",
    ),
    Sign.of(
        r"(?P<when>Prefill|Decode) out of memory\. Try to lower your batch size",
        FailureKind.OUT_OF_MEMORY,
        "the KV cache ran full in {when}",
        "lower max-running-requests or raise schedule-conservativeness",
    ),
    Sign.of(
        r"memory capacity is unbalanced",
        FailureKind.ENVIRONMENT,
        "the GPUs have unequal free memory",
        "end what else runs on them, or name other GPUs in gpus.only",
    ),
    Sign.of(
        r"AssertionError: (?P<heads>\d+) is not divisible by (?P<parts>\d+)",
        FailureKind.BAD_FLAGS,
        "a model's size of {heads} cannot be shared out to {parts} GPUs",
        "choose a tp-size that divides the model's heads and widths",
    ),
    Sign.of(
        r"(?P<what>(?:chunked_prefill_size|tp_size|num_attention_heads|ep_size|moe_intermediate_size)"
        r"\b.*must be (?:divisible|a multiple) .*)",
        FailureKind.BAD_FLAGS,
        "sizes do not divide: {what}",
        "choose sizes that divide one another",
    ),
    Sign.of(
        r"(?:AssertionError|ValueError): "
        r"(?P<why>.*(?:--[a-z]|_size|not (?:compatible|supported)).*)",
        FailureKind.BAD_FLAGS,
        "SGLang refuses the combination: {why}",
        "change one of the flags it names",
    ),
    Sign.of(
        r"FlashAttention v(?P<version>\d) Backend requires (?P<what>[^.]*)",
        FailureKind.BAD_FLAGS,
        "the attention backend fa{version} does not run on this GPU; it needs {what}",
        "set attention-backend to flashinfer or triton, or leave it out",
    ),
    *TORCH_SIGNS,
    *COMMON_SIGNS,
    Sign.of(
        r"watchdog timeout",
        FailureKind.CRASHED,
        "SGLang's own watchdog ended it: a batch took longer than watchdog-timeout",
        "raise watchdog-timeout, or try flags that need less compiling",
        transient=True,
    ),
)
