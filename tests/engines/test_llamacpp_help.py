import subprocess

import pytest

from core.engines.catalogue import Catalogue
from core.engines.llamacpp import find_llama_server
from core.engines.llamacpp_help import parse_help
from core.errors import HostError

HELP = """\
----- common params -----

-h,    --help, --usage                  print usage and exit
-b,    --batch-size N                   logical maximum batch size (default: 2048)
                                        (env: LLAMA_ARG_BATCH)
-fa,   --flash-attn [on|off|auto]       set Flash Attention use (default: 'auto')
-kvo,  --kv-offload, -nkvo, --no-kv-offload
                                        whether to enable KV cache offloading (default: enabled)
--no-host                               bypass host buffer
-ctk,  --cache-type-k TYPE              KV cache data type for K
                                        allowed values: f32, f16, q8_0
                                        (default: f16)
-ngl,  --gpu-layers, --n-gpu-layers N   max. number of layers, either an exact number,
                                        'auto', or 'all' (default: auto)
--mlock                                 DEPRECATED in favor of `--load-mode`: force system to keep
-ot,   --override-tensor <tensor name pattern>=<buffer type>,...
                                        override tensor buffer type
"""


def test_the_forms_of_an_entry() -> None:
    catalogue = parse_help(HELP, "b1")
    by_name = {flag.name: flag for flag in catalogue.flags}
    assert list(by_name) == [
        "usage", "batch-size", "flash-attn", "kv-offload", "no-host", "cache-type-k",
        "n-gpu-layers", "mlock", "override-tensor",
    ]  # fmt: skip
    batch = by_name["batch-size"]
    assert batch.spellings == ("--batch-size", "-b")
    assert (batch.takes, batch.type, batch.default) == ("value", "int", 2048)
    assert by_name["flash-attn"].choices == ("on", "off", "auto")
    assert by_name["kv-offload"].negation == "--no-kv-offload"
    assert by_name["kv-offload"].takes == "nothing"
    assert by_name["no-host"].negation is None
    assert by_name["cache-type-k"].choices == ("f32", "f16", "q8_0")
    assert by_name["cache-type-k"].default == "f16"
    assert by_name["n-gpu-layers"].refuse("all") is None
    assert by_name["mlock"].deprecated == "load-mode"
    assert by_name["override-tensor"].takes == "value"


def test_the_shipped_catalogue_is_what_the_program_says() -> None:
    try:
        program = find_llama_server()
    except HostError as missing:
        pytest.skip(str(missing))
    text = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    shipped = Catalogue.load("llamacpp")
    if "b10434" not in str(program) and "skulk" not in str(program):
        pytest.skip(f"{program} is not the version of the shipped catalogue")
    assert parse_help(text, shipped.version) == shipped
