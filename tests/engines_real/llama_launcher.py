"""llama.cpp's own HTTP server with `llama-server`'s flags, for CPUs the program does not run on.

The prebuilt `llama-server` of the package index is compiled for CPUs with AMX and ends with an
illegal instruction elsewhere. `xllamacpp` carries the same server as a Python extension for any CPU
with AVX2; this launcher gives it the program's command line, as far as the tests use it.
"""

import os
import signal
import sys
from typing import Any, NoReturn

import xllamacpp

FLASH_ATTENTION = {
    "on": xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    "off": xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED,
    "auto": xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_AUTO,
}
SWITCHES: dict[str, tuple[str, bool]] = {
    "--metrics": ("endpoint_metrics", True),
    "--no-ui": ("ui", False),
    "--cont-batching": ("cont_batching", True),
    "--no-cont-batching": ("cont_batching", False),
    "--cache-prompt": ("cache_prompt", True),
    "--no-cache-prompt": ("cache_prompt", False),
}
NUMBERS = {
    "--port": "port",
    "--parallel": "n_parallel",
    "--ctx-size": "n_ctx",
    "--batch-size": "n_batch",
    "--ubatch-size": "n_ubatch",
    "--n-gpu-layers": "n_gpu_layers",
}
CACHE_TYPES = {"--cache-type-k": "cache_type_k", "--cache-type-v": "cache_type_v"}


def fail(message: str) -> NoReturn:
    """End as `llama-server` does."""
    print(message, file=sys.stderr)
    sys.exit(1)


def parameters(arguments: list[str]) -> Any:
    """Return what the command line asks for.

    Raises:
        SystemExit: a flag is unknown or has a bad value.
    """
    asked = xllamacpp.CommonParams()
    words = iter(arguments)
    for flag in words:
        if flag in SWITCHES:
            setattr(asked, *SWITCHES[flag])
            continue
        value = next(words, None)
        try:
            set_value(asked, flag, value or "")
        except (ValueError, KeyError, AttributeError):
            fail(f'error while handling argument "{flag}": invalid value "{value}"')
    return asked


def set_value(asked: Any, flag: str, value: str) -> None:
    """Set one flag that takes a value."""
    if flag in NUMBERS:
        setattr(asked, NUMBERS[flag], int(value))
    elif flag in CACHE_TYPES:
        kind = getattr(xllamacpp.ggml_type, f"GGML_TYPE_{value.upper()}")
        setattr(asked, CACHE_TYPES[flag], kind)
    elif flag == "--model":
        asked.model.path = value
    elif flag == "--host":
        asked.hostnames = [value]
    elif flag == "--flash-attn":
        asked.flash_attn_type = FLASH_ATTENTION[value]
    elif flag in {"--threads", "--threads-batch"}:
        pool = asked.cpuparams if flag == "--threads" else asked.cpuparams_batch
        pool.n_threads = int(value)
    else:
        fail(f"error: invalid argument: {flag}")


def main() -> None:
    """Serve until told to stop."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    asked = parameters(sys.argv[1:])
    try:
        server = xllamacpp.Server(asked)
    except Exception as error:
        fail(f"error: failed to load model or to bind: {error}")
    print(f"server is listening on {server.listening_address}", file=sys.stderr, flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    sys.stderr.flush()
    # The extension's own threads never end by themselves.

    os._exit(0)


if __name__ == "__main__":
    main()
