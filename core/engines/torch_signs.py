"""Signs of failure that SGLang and vLLM have in common: they load models in the same words."""

from core.engines.signs import Sign
from core.events import FailureKind

TORCH_SIGNS: tuple[Sign, ...] = (
    Sign.of(
        r"Quantization method specified in the model config \((?P<has>[^)]+)\) does not match"
        r".*argument \((?P<asked>[^)]+)\)",
        FailureKind.BAD_FLAGS,
        "the model is quantised as {has}, and quantization asks for {asked}",
        "leave quantization out: the engine reads it from the model",
    ),
    Sign.of(
        r"Unknown quantization method:? *(?P<method>[\w.-]+)",
        FailureKind.BAD_FLAGS,
        "the engine knows no quantization {method}",
        "choose a method that the installed version offers",
    ),
    Sign.of(
        r"quantization (?:method|scheme)\b.* is not supported for the current GPU",
        FailureKind.BAD_FLAGS,
        "the GPU is too old for this quantisation",
        "choose another quantization, or a newer GPU",
    ),
    Sign.of(
        r"bfloat16 is only supported on GPUs",
        FailureKind.BAD_FLAGS,
        "the GPU has no bfloat16",
        "set dtype to float16 (half)",
    ),
    Sign.of(
        r"(?:context_length|max_model_len) \((?P<asked>\d+)\) is greater than the derived"
        r"[^(]*\((?:\w+=)?(?P<longest>\d+)",
        FailureKind.BAD_FLAGS,
        "a context of {asked} tokens is asked for, and the model's ends at {longest}",
        "lower it, or leave it out",
    ),
    Sign.of(
        r"Model architectures? (?P<name>.+?) (?:are|is) not supported",
        FailureKind.ENVIRONMENT,
        "the installed version does not know the architecture {name}",
        "install a newer version of the engine",
    ),
    Sign.of(
        r"Cannot find any model weights with",
        FailureKind.ENVIRONMENT,
        "the model's folder has no weights",
        "check model.id_or_path, and whether its download is complete",
    ),
    Sign.of(
        r"(?:ModuleNotFoundError|ImportError): (?P<what>.+)",
        FailureKind.ENVIRONMENT,
        "the engine's Python is not complete: {what}",
        "mend the engine's installation, or name another Python in engine.executable",
    ),
)
