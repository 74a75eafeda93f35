"""Make a tiny Llama with random weights, as a GGUF file or a Hugging Face folder, in seconds.

    python tests/engines_real/tiny_model.py --preset small --gguf small.gguf --hf small-hf

Nothing is downloaded. Both forms hold the same weights and the same tokenizer: every known word,
with a space in front of it, is exactly one token, so a prompt of N such words is N tokens. The rows
of the output matrix that belong to raw bytes and to end-of-sequence are zero, so that sampling
gives words and never stops before the requested length.
"""

import argparse
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

CONTEXT, ROPE_BASE, NORM_EPSILON, HEAD_SIZE = 8192, 10_000.0, 1e-5, 64
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>")
CHAT_TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]

Weights = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Shape:
    """The size of a model."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    feed_forward: int
    vocabulary: int


PRESETS = {
    "tiny": Shape(4, 256, 4, 2, 704, 4096),
    "small": Shape(8, 512, 8, 4, 1408, 4096),
    "medium": Shape(12, 1024, 16, 4, 2816, 8192),
}


@dataclass(frozen=True)
class Tokenizer:
    """A byte-level BPE tokenizer in which every word of `words` is one token."""

    tokens: list[str]
    merges: list[tuple[str, str]]
    words: list[str]
    unused: int

    @property
    def first_special(self) -> int:
        """Id of the first special token, which also ends a sequence."""
        return len(self.tokens) - len(SPECIAL)

    @classmethod
    def of_size(cls, vocabulary: int) -> "Tokenizer":
        """Return a tokenizer of exactly `vocabulary` tokens: bytes, then words, then specials."""
        tokens = list(_printable_bytes().values())
        space = _printable_bytes()[ord(" ")]
        merges: list[tuple[str, str]] = []
        words: list[str] = []
        known = set(tokens)
        for word in _made_up_words():
            pieces = [space + word[: end + 1] for end in range(len(word))]
            new = [piece for piece in pieces if piece not in known]
            if len(tokens) + len(new) > vocabulary - len(SPECIAL):
                break
            merges += [(piece[:-1], piece[-1]) for piece in new]
            tokens += new
            known.update(new)
            words.append(word)
        unused = vocabulary - len(SPECIAL) - len(tokens)
        tokens += [f"<|unused{n}|>" for n in range(unused)]
        return cls([*tokens, *SPECIAL], merges, words, unused)


def _made_up_words() -> Iterator[str]:
    rng = np.random.default_rng(7)
    count = len(SYLLABLES)
    for number in rng.permutation(count * count):
        yield SYLLABLES[number // count] + SYLLABLES[number % count]


def _printable_bytes() -> dict[int, str]:
    """Return GPT-2's printable stand-in for every byte."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    stand_ins = {byte: chr(byte) for byte in shown}
    stand_ins.update({byte: chr(256 + place) for place, byte in enumerate(hidden)})
    return stand_ins


def random_weights(shape: Shape, tokenizer: Tokenizer, seed: int) -> Weights:
    """Return weights under their Hugging Face names, each value exact in bfloat16."""
    rng = np.random.default_rng(seed)
    hidden, kv, wide = shape.hidden, shape.kv_heads * HEAD_SIZE, shape.feed_forward

    def normal(rows: int, columns: int, scale: float) -> npt.NDArray[np.float32]:
        return rng.standard_normal((rows, columns), dtype=np.float32) * np.float32(scale)

    weights = {"model.embed_tokens.weight": normal(shape.vocabulary, hidden, 1.0)}
    for layer in range(shape.layers):
        prefix = f"model.layers.{layer}."
        for name, rows, columns in (
            ("self_attn.q_proj", hidden, hidden),
            ("self_attn.k_proj", kv, hidden),
            ("self_attn.v_proj", kv, hidden),
            ("self_attn.o_proj", hidden, hidden),
            ("mlp.gate_proj", wide, hidden),
            ("mlp.up_proj", wide, hidden),
            ("mlp.down_proj", hidden, wide),
        ):
            weights[f"{prefix}{name}.weight"] = normal(rows, columns, columns**-0.5)
        for name in ("input_layernorm", "post_attention_layernorm"):
            weights[f"{prefix}{name}.weight"] = np.ones(hidden, np.float32)
    weights["model.norm.weight"] = np.ones(hidden, np.float32)
    head = normal(shape.vocabulary, hidden, 2.0 * hidden**-0.5)
    head[:256] = 0
    head[tokenizer.first_special - tokenizer.unused :] = 0
    weights["lm_head.weight"] = head
    return {name: _float32(_bfloat16(values)) for name, values in weights.items()}


def _bfloat16(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def _float32(halves: npt.NDArray[np.uint16]) -> npt.NDArray[np.float32]:
    return (halves.astype(np.uint32) << 16).view(np.float32)


def write_gguf(path: Path, preset: str = "tiny", seed: int = 1234) -> Path:
    """Write the model as a GGUF file with f16 weights and return its path."""
    import gguf

    shape = PRESETS[preset]
    tokenizer = Tokenizer.of_size(shape.vocabulary)
    end = tokenizer.first_special
    kinds = gguf.TokenType
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(f"{preset}-random-llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(shape.hidden)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(NORM_EPSILON)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_rope_dimension_count(HEAD_SIZE)
    writer.add_key_length(HEAD_SIZE)
    writer.add_value_length(HEAD_SIZE)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokenizer.tokens)
    writer.add_token_types(
        [int(kinds.NORMAL)] * (end - tokenizer.unused)
        + [int(kinds.UNUSED)] * tokenizer.unused
        + [int(kinds.CONTROL)] * len(SPECIAL)
    )
    writer.add_token_merges([f"{left} {right}" for left, right in tokenizer.merges])
    writer.add_bos_token_id(end)
    writer.add_eos_token_id(end)
    writer.add_pad_token_id(end + 3)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)
    writer.add_file_type(int(gguf.LlamaFileType.MOSTLY_F16))
    for name, values in random_weights(shape, tokenizer, seed).items():
        if "q_proj" in name or "k_proj" in name:
            values = _interleaved(values, shape.heads if "q_proj" in name else shape.kv_heads)
        stored = values if values.ndim == 1 else values.astype(np.float16)
        writer.add_tensor(_gguf_name(name), stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _interleaved(values: npt.NDArray[np.float32], heads: int) -> npt.NDArray[np.float32]:
    """Return the rows in llama.cpp's rotary order: pairs side by side instead of half by half."""
    rows, columns = values.shape
    halves = values.reshape(heads, 2, rows // heads // 2, columns)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(rows, columns))


def _gguf_name(name: str) -> str:
    stem = name.removesuffix(".weight")
    layer = ""
    if stem.startswith("model.layers."):
        _, _, number, stem = stem.split(".", 3)
        layer = f"blk.{number}."
    renamed = {
        "model.embed_tokens": "token_embd",
        "model.norm": "output_norm",
        "lm_head": "output",
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
    }
    return f"{layer}{renamed[stem]}.weight"


def write_hugging_face(folder: Path, preset: str = "tiny", seed: int = 1234) -> Path:
    """Write the model as a Hugging Face folder with bfloat16 weights and return its path."""
    shape = PRESETS[preset]
    tokenizer = Tokenizer.of_size(shape.vocabulary)
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in _hugging_face_files(shape, tokenizer).items():
        (folder / name).write_text(json.dumps(document, ensure_ascii=False, indent=1))
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    blobs: list[bytes] = []
    offset = 0
    for name, values in random_weights(shape, tokenizer, seed).items():
        blob = _bfloat16(values).tobytes()
        place = [offset, offset + len(blob)]
        header[name] = {"dtype": "BF16", "shape": list(values.shape), "data_offsets": place}
        blobs.append(blob)
        offset += len(blob)
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    (folder / "model.safetensors").write_bytes(
        struct.pack("<Q", len(head)) + head + b"".join(blobs)
    )
    return folder


def _hugging_face_files(shape: Shape, tokenizer: Tokenizer) -> dict[str, dict[str, object]]:
    end = tokenizer.first_special
    ends = {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end + 3}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    return {
        "config.json": {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_size": shape.hidden,
            "intermediate_size": shape.feed_forward,
            "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads,
            "num_key_value_heads": shape.kv_heads,
            "head_dim": HEAD_SIZE,
            "vocab_size": shape.vocabulary,
            "max_position_embeddings": CONTEXT,
            "rms_norm_eps": NORM_EPSILON,
            "rope_theta": ROPE_BASE,
            "hidden_act": "silu",
            "tie_word_embeddings": False,
            "attention_bias": False,
            "mlp_bias": False,
            "torch_dtype": "bfloat16",
            **ends,
        },
        "generation_config.json": dict(ends),
        "tokenizer.json": {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [
                {
                    "id": end + place,
                    "content": token,
                    "single_word": False,
                    "lstrip": False,
                    "rstrip": False,
                    "normalized": False,
                    "special": True,
                }
                for place, token in enumerate(SPECIAL)
            ],
            "normalizer": None,
            "pre_tokenizer": {**byte_level, "use_regex": True},
            "post_processor": None,
            "decoder": {**byte_level, "use_regex": True},
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "fuse_unk": False,
                "byte_fallback": False,
                "vocab": {token: place for place, token in enumerate(tokenizer.tokens)},
                "merges": [f"{left} {right}" for left, right in tokenizer.merges],
            },
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": SPECIAL[0],
            "eos_token": SPECIAL[0],
            "pad_token": SPECIAL[3],
            "additional_special_tokens": list(SPECIAL[1:3]),
            "model_max_length": CONTEXT,
            "clean_up_tokenization_spaces": False,
            "chat_template": CHAT_TEMPLATE,
        },
    }


def main() -> None:
    """Write the forms that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--preset", choices=PRESETS, default="tiny")
    parser.add_argument("--seed", type=int, default=1234)
    parser.add_argument("--gguf", type=Path, help="the GGUF file to write")
    parser.add_argument("--hf", type=Path, help="the Hugging Face folder to write")
    options = parser.parse_args()
    if options.gguf:
        print(write_gguf(options.gguf, options.preset, options.seed))
    if options.hf:
        print(write_hugging_face(options.hf, options.preset, options.seed))


if __name__ == "__main__":
    main()
