"""The command line, and the catalogue that describes it."""

import argparse

import pytest

from core.engines.catalogue import Catalogue
from core.engines.flag import Flag
from core.engines.simulated.arguments import ArgumentError, parse_arguments, parser, settle

SET_BY_EVERY_LAUNCH = {"--model-path", "--host", "--port"}
NUMBERS = {"positive_int": "int", "int": "int", "positive_float": "float", "share": "float"}


def as_flag(action: argparse.Action) -> Flag:
    """What a catalogue has to say of one of the parser's arguments."""
    kind = getattr(action.type, "__name__", "str")
    return Flag.model_validate(
        {
            "spellings": action.option_strings,
            "takes": "nothing" if action.nargs == 0 else "value",
            "type": NUMBERS.get(kind, "str"),
            "default": action.default,
            "choices": action.choices,
        }
    )


def test_the_catalogue_is_what_the_server_parses() -> None:
    flags = [
        as_flag(action)
        for action in parser()._actions
        if action.dest != "help" and action.option_strings[0] not in SET_BY_EVERY_LAUNCH
    ]
    assert Catalogue.load("simulated").flags == tuple(flags)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the following arguments are required: --model-path/--model"),
        (["--model", "gpt-9"], "argument --model-path/--model: invalid choice: 'gpt-9'"),
        (["--model", "tiny", "--bogus", "1"], "unrecognized arguments: --bogus 1"),
        (["--model", "tiny", "--gpu", "GTX"], "argument --gpu: invalid choice: 'GTX'"),
        (["--model", "tiny", "--page-size", "0"], "invalid positive_int value: '0'"),
        (["--model", "tiny", "--speed", "nan"], "invalid positive_float value: 'nan'"),
        (["--model", "tiny", "--noise", "-1"], "invalid share value: '-1'"),
        (["--model", "tiny", "--port", "70000"], "invalid port value: '70000'"),
        (["--model", "tiny", "--tp-size", "two"], "invalid positive_int value: 'two'"),
    ],
)
def test_a_wrong_command_line_is_told_as_argparse_tells_it(words: list[str], message: str) -> None:
    with pytest.raises(ArgumentError) as error:
        parse_arguments(words)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("gpu", "tp", "chunk", "graphs", "share"),
    [
        ("RTX-4090", "1", 2048, 24, 0.847),
        ("L40S", "1", 4096, 32, 0.85),
        ("A100-40GB", "4", 4096, 160, 0.816),
        ("H100-80GB", "1", 8192, 256, 0.834),
    ],
)
def test_defaults_depend_on_the_gpu(
    gpu: str, tp: str, chunk: int, graphs: int, share: float
) -> None:
    settings = settle(parse_arguments(["--model", "llama-3.1-8b", "--gpu", gpu, "--tp", tp]))
    assert settings.chunked_prefill_size == chunk
    assert settings.cuda_graph_max_bs == graphs
    assert settings.mem_fraction_static == pytest.approx(share, abs=0.005)


def test_a_larger_chunk_leaves_less_for_the_cache_unless_the_share_is_set() -> None:
    base = ["--model", "llama-3.1-8b", "--gpu", "L40S"]
    small = settle(parse_arguments([*base, "--chunked-prefill-size", "2048"]))
    large = settle(parse_arguments([*base, "--chunked-prefill-size", "8192"]))
    fixed = settle(parse_arguments([*base, "--mem-fraction-static", "0.9"]))
    assert small.mem_fraction_static > large.mem_fraction_static
    assert fixed.mem_fraction_static == 0.9


def test_the_attention_backend_follows_gpu_and_cache_type() -> None:
    def backend(*words: str) -> str:
        return settle(parse_arguments(["--model", "tiny", *words])).attention_backend

    assert backend("--gpu", "H100-80GB") == "fa3"
    assert backend("--gpu", "L40S") == "flashinfer"
    assert backend("--gpu", "H100-80GB", "--kv-cache-dtype", "fp8_e5m2") == "triton"
    assert backend("--gpu", "H100-80GB", "--kv-cache-dtype", "fp8_e4m3") == "fa3"
