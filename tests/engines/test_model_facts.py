"""Facts out of real model files, and out of broken ones."""

import json
import struct
from pathlib import Path

import gguf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engines.gguf_header import FILE_TYPES, read_gguf
from core.engines.huggingface_model import read_folder
from core.engines.model_facts import ModelFacts
from core.engines.model_reading import model_place, read_facts
from core.errors import HostError
from tests.engines_real.tiny_model import write_gguf, write_hugging_face


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_gguf(folder / "tiny.gguf")
    write_hugging_face(folder / "tiny")
    return folder


def test_both_forms_of_a_model_tell_the_same(files: Path) -> None:
    shape = {"layers", "hidden", "heads", "kv_heads", "head_size", "context", "parameters"}
    one, other = read_facts(str(files / "tiny.gguf")), read_facts(str(files / "tiny"))
    assert one is not None
    assert other is not None
    assert one.model_dump(include=shape) == other.model_dump(include=shape)
    assert (one.dtype, other.dtype) == ("float16", "bfloat16")
    assert one.quantization is other.quantization is None
    assert other.weight_bytes == 2 * (other.parameters or 0)
    assert one.kv_bytes_per_token() == 2 * 4 * 2 * 64 * 2


def test_the_names_of_file_types_are_ggufs_own() -> None:
    for number, name in FILE_TYPES.items():
        assert gguf.LlamaFileType(number).name.split("_", 1)[1] == name


def config(folder: Path, **entries: object) -> Path:
    folder.mkdir(exist_ok=True)
    shape = {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4}
    (folder / "config.json").write_text(json.dumps({**shape, **entries}))
    return folder


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ({"quantization_config": {"quant_method": "AWQ", "bits": 4}}, {"quantization": "awq"}),
        ({"quantization_config": {"quant_method": "fp8"}}, {"quantization": "fp8"}),
        (
            {"quantization_config": {"quant_method": "modelopt", "quant_algo": "NVFP4"}},
            {"quantization": "nvfp4"},
        ),
        ({"text_config": {"num_hidden_layers": 7, "head_dim": 32}}, {"layers": 7, "head_size": 32}),
        ({"num_key_value_heads": 2}, {"kv_heads": 2, "head_size": 16}),
        ({"kv_lora_rank": 512, "qk_rope_head_dim": 64}, {"latent": 576}),
        ({"n_routed_experts": 64}, {"experts": 64}),
        ({"layer_types": ["full_attention", "sliding_attention"] * 3}, {"kv_layers": 3}),
        ({"torch_dtype": "bfloat16"}, {"dtype": "bfloat16"}),
        ({}, {"kv_heads": 4, "quantization": None, "experts": 0, "weight_bytes": None}),
        ({"quantization_config": "odd", "architectures": {}, "head_dim": "x"}, {"head_size": 16}),
    ],
)
def test_what_a_config_says(tmp_path: Path, entries: dict, told: dict) -> None:
    facts = read_folder(config(tmp_path / "m", **entries))
    assert facts is not None
    assert facts.model_dump(include=set(told)) == told


def test_quantisation_is_never_read_off_the_name(tmp_path: Path) -> None:
    facts = read_folder(config(tmp_path / "llama-awq-gptq-fp8"))
    assert facts is not None
    assert facts.quantization is None


def test_modelopt_has_a_file_of_its_own(tmp_path: Path) -> None:
    folder = config(tmp_path / "m")
    (folder / "hf_quant_config.json").write_text('{"quantization": {"quant_algo": "FP8"}}')
    facts = read_folder(folder)
    assert facts is not None
    assert facts.quantization == "fp8"


def test_a_download_that_is_not_complete_is_seen(tmp_path: Path) -> None:
    folder = config(tmp_path / "m")
    index = {"metadata": {"total_size": 99}, "weight_map": {"a": "x.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    facts = read_folder(folder)
    assert facts is not None
    assert facts.missing_files == ("x.safetensors",)
    assert facts.weight_bytes == 99


def test_without_a_config_nothing_is_guessed(tmp_path: Path) -> None:
    assert read_facts(str(tmp_path)) is None
    assert read_facts("org/llama-70b-awq") is None
    assert read_facts("/nowhere/model.gguf") is None
    assert read_facts("x" * 5000) is None


def test_a_model_in_the_hub_cache_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    snapshot = tmp_path / "hub/models--org--m/snapshots/abc"
    snapshot.mkdir(parents=True)
    config(snapshot)
    assert model_place("org/m") == snapshot
    assert read_facts("org/m") is not None


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"'])
def test_a_config_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(HostError, match=r"config\.json: (?:is no JSON|holds no JSON)"):
        read_folder(tmp_path)


@pytest.mark.parametrize("data", [b"", b"short", struct.pack("<Q", 1 << 60), b"\2" + b"\0" * 7])
def test_a_broken_safetensors_file_is_told(tmp_path: Path, data: bytes) -> None:
    folder = config(tmp_path / "m")
    (folder / "model.safetensors").write_bytes(data)
    with pytest.raises(HostError, match="perhaps its download broke off"):
        read_folder(folder)


@settings(max_examples=60, deadline=None)
@given(
    cut=st.integers(0, 3000), flips=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)))
)
def test_a_broken_gguf_file_is_told(files: Path, cut: int, flips: list) -> None:
    data = bytearray((files / "tiny.gguf").read_bytes()[: 1 << 12])
    for place, byte in flips:
        data[place] = byte
    broken = files / "broken.gguf"
    broken.write_bytes(bytes(data[:cut]))
    with pytest.raises(HostError, match=r"broken\.gguf: (?:is no GGUF|cannot be read)"):
        read_gguf(broken)


def test_parts_of_a_split_model_count_together(files: Path, tmp_path: Path) -> None:
    whole = read_gguf(files / "tiny.gguf")
    first = tmp_path / "m-00001-of-00002.gguf"
    first.write_bytes((files / "tiny.gguf").read_bytes())
    alone = read_gguf(first)
    assert alone.missing_files == ("m-00002-of-00002.gguf",)
    assert alone.weight_bytes is None
    (tmp_path / "m-00002-of-00002.gguf").write_bytes((files / "tiny.gguf").read_bytes())
    assert read_gguf(first).parameters == 2 * (whole.parameters or 0)


def test_fp8_made_on_loading_halves_what_can_be_halved() -> None:
    facts = ModelFacts(format="huggingface", weight_bytes=1000, vocabulary=10, hidden=5)
    assert facts.loaded_bytes() == 1000
    assert facts.loaded_bytes("fp8") == 200 + 400
    done = facts.model_copy(update={"quantization": "fp8"})
    assert done.loaded_bytes("fp8") == 1000
