"""What the log of a failing vLLM gives away, by version 0.32.

The last line is "Engine core initialization failed", whatever went wrong; the telling one is in the
middle, raised by a child process.
"""

from core.engines.signs import COMMON_SIGNS, Sign
from core.engines.torch_signs import TORCH_SIGNS
from core.events import FailureKind

VLLM_SIGNS: tuple[Sign, ...] = (
    Sign.of(
        r"No common block size for (?P<size>\d+) \((?P<why>.*)\)",
        FailureKind.BAD_FLAGS,
        "the attention backend takes no block-size of {size} ({why})",
        "choose a block-size that the backend takes, or leave it out",
    ),
    Sign.of(
        r"attention heads \((?P<heads>\d+)\) must be divisible by tensor parallel size"
        r" \((?P<parts>\d+)\)",
        FailureKind.BAD_FLAGS,
        "the model's {heads} attention heads cannot be shared out to {parts} GPUs",
        "choose a tensor-parallel-size that divides the number of heads",
    ),
    Sign.of(
        r"max_num_batched_tokens \((?P<tokens>\d+)\) is smaller than max_model_len"
        r" \((?P<longest>\d+)\)",
        FailureKind.BAD_FLAGS,
        "without chunked prefill a step of {tokens} tokens cannot hold a prompt of {longest}",
        "raise max-num-batched-tokens, lower max-model-len, or switch enable-chunked-prefill on",
    ),
    Sign.of(
        r"max_num_batched_tokens \((?P<tokens>\d+)\) must be greater than or equal to max_num_seqs"
        r" \((?P<requests>\d+)\)",
        FailureKind.BAD_FLAGS,
        "a step of {tokens} tokens cannot hold {requests} requests",
        "raise max-num-batched-tokens, or lower max-num-seqs",
    ),
    Sign.of(
        r"max seq len \((?P<longest>\d+)\).*?(?P<needed>[\d.]+) GiB KV cache is needed.*?"
        r"\((?P<has>[\d.]+) GiB\)",
        FailureKind.OUT_OF_MEMORY,
        "one request of {longest} tokens needs {needed} GiB of KV cache, and there are {has} GiB",
        "lower max-model-len, raise gpu-memory-utilization, or use an fp8 kv-cache-dtype",
    ),
    Sign.of(
        r"No available memory for the cache blocks",
        FailureKind.OUT_OF_MEMORY,
        "the weights leave no memory for the KV cache",
        "raise gpu-memory-utilization, use a smaller dtype, or more GPUs",
    ),
    Sign.of(
        r"Free memory on device .*\((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\).*less than desired GPU"
        r" memory utilization \((?P<share>[\d.]+)",
        FailureKind.OUT_OF_MEMORY,
        "{free} of {total} GiB are free, less than gpu-memory-utilization {share} asks for",
        "lower gpu-memory-utilization, or end what else is on the GPU",
    ),
    Sign.of(
        r"CUDA out of memory occurred when warming up sampler with (?P<requests>\d+)",
        FailureKind.OUT_OF_MEMORY,
        "the GPU ran out of memory sampling for {requests} requests",
        "lower max-num-seqs or gpu-memory-utilization",
    ),
    Sign.of(
        r"captur\w* .*graph.*out of memory|out of memory.*captur\w* .*graph",
        FailureKind.OUT_OF_MEMORY,
        "the GPU ran out of memory while CUDA graphs were captured",
        "lower gpu-memory-utilization or max-cudagraph-capture-size",
    ),
    Sign.of(
        r"local_rank (?P<rank>\d+) is out of bounds|World size \((?P<world>\d+)\) is larger than",
        FailureKind.BAD_FLAGS,
        "more GPUs are asked for than the server may see",
        "lower tensor-, pipeline- or data-parallel-size",
    ),
    Sign.of(
        r"Unknown attention backend: '(?P<name>[^']*)'",
        FailureKind.BAD_FLAGS,
        "vLLM has no attention backend {name}",
        "choose one that the installed version offers, or leave it out",
    ),
    Sign.of(
        r"backend (?P<name>\S+) is not valid for this configuration\. Reason: (?P<why>.*)",
        FailureKind.BAD_FLAGS,
        "the attention backend {name} cannot do this: {why}",
        "leave attention-backend out, or change what it names",
    ),
    Sign.of(
        r"Value error, (?P<why>.*?)(?: \[type=|$)",
        FailureKind.BAD_FLAGS,
        "vLLM refuses the combination: {why}",
        "change one of the flags it names",
    ),
    Sign.of(
        r"(?P<why>Input should be .*?) \[type=\w+, input_value=(?P<value>[^,\]]*)",
        FailureKind.BAD_FLAGS,
        "vLLM does not take {value}: {why}",
        "choose a value within the bounds it names",
    ),
    Sign.of(
        r"vllm serve: error: (?P<why>.*)",
        FailureKind.BAD_FLAGS,
        "vLLM does not understand the command line: {why}",
        "check the flag against the installed version of vLLM",
    ),
    Sign.of(
        r"(?P<what>Pipeline parallelism|Expert parallelism|Decode context parallelism)\b(?P<why>.*"
        r"(?:not supported|requires).*)",
        FailureKind.BAD_FLAGS,
        "{what}{why}",
        "spread the model in another way",
    ),
    *TORCH_SIGNS,
    *COMMON_SIGNS,
)
