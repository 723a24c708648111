"""Tiny random-weight models with a real byte-level vocabulary: what the engine tests run llama.cpp on."""

from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
MARKS = ("<think>", "</think>", "<tool_call>", "</tool_call>")
EMBED, FFN, HEAD = 64, 128, 32
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"


def _byte_letters() -> list[str]:
    """The printable letter of each byte in byte-level BPE vocabularies (the GPT-2 table)."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    spare = iter(range(0x100, 0x200))
    return [chr(b if b in plain else next(spare)) for b in range(256)]


def _vocabulary(size: int) -> tuple[list[str], list[str]]:
    """Tokens and merges: all bytes, then pairs of letters, then the control and user-defined tokens."""
    letters = _byte_letters()
    space = letters[0x20]
    pairs = [(a, b) for a in f"{space}etaoinshr" for b in "etaoinshrdlucmfwypvbgkqjxz"]
    pairs = pairs[: size - 256 - len(SPECIALS) - len(MARKS)]
    return [*letters, *(a + b for a, b in pairs), *SPECIALS, *MARKS], [f"{a} {b}" for a, b in pairs]


def _write(path: Path, arch: str, keys: dict[str, object], tensors: Iterator[tuple[str, NDArray[np.float32]]]) -> Path:
    tokens, merges = _vocabulary(512)
    out = gguf.GGUFWriter(str(path), arch)
    for key, value in keys.items():
        match value:
            case list():
                out.add_array(f"{arch}.{key}", value)
            case float():
                out.add_float32(f"{arch}.{key}", value)
            case int():
                out.add_uint32(f"{arch}.{key}", value)
    out.add_uint32(f"{arch}.vocab_size", len(tokens))
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("qwen35" if arch == "qwen35" else "qwen2")
    out.add_token_list(tokens)
    plain = len(tokens) - len(SPECIALS) - len(MARKS)
    kinds = [gguf.TokenType.NORMAL] * plain
    kinds += [gguf.TokenType.CONTROL] * len(SPECIALS) + [gguf.TokenType.USER_DEFINED] * len(MARKS)
    out.add_token_types(kinds)
    out.add_token_merges(merges)
    out.add_eos_token_id(tokens.index("<|im_end|>"))
    out.add_chat_template(TEMPLATE)
    for name, tensor in tensors:
        out.add_tensor(name, tensor)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return path


class _Weights:
    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def __call__(self, *shape: int, std: float = 0.2) -> NDArray[np.float32]:
        return (self._rng.standard_normal(shape) * std).astype(np.float32)


def _ones(n: int) -> NDArray[np.float32]:
    return np.ones(n, np.float32)


def _ffn(weight: _Weights) -> dict[str, NDArray[np.float32]]:
    return {"ffn_gate": weight(FFN, EMBED), "ffn_up": weight(FFN, EMBED), "ffn_down": weight(EMBED, FFN)}


def _layer(i: int, parts: dict[str, NDArray[np.float32]]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for name, tensor in parts.items():
        yield f"blk.{i}.{name}" + ("" if name in ("ssm_a", "ssm_dt.bias") else ".weight"), tensor


def _dense(layers: int, seed: int) -> Iterator[tuple[str, NDArray[np.float32]]]:
    weight = _Weights(seed)
    yield "token_embd.weight", weight(512, EMBED, std=0.5)
    yield "output.weight", weight(512, EMBED, std=0.5)
    yield "output_norm.weight", _ones(EMBED)
    for i in range(layers):
        attention = {"attn_norm": _ones(EMBED), "ffn_norm": _ones(EMBED)}
        attention |= {"attn_q": weight(HEAD * 2, EMBED), "attn_k": weight(HEAD, EMBED), "attn_v": weight(HEAD, EMBED)}
        attention |= {"attn_output": weight(EMBED, HEAD * 2), "attn_q_norm": _ones(HEAD), "attn_k_norm": _ones(HEAD)}
        yield from _layer(i, attention | _ffn(weight))


def dense(path: Path, layers: int = 2, seed: int = 1) -> Path:
    """A `qwen3` model: attention only."""
    keys: dict[str, object] = {
        "context_length": 4096, "embedding_length": EMBED, "block_count": layers, "feed_forward_length": FFN,
        "attention.head_count": 2, "attention.head_count_kv": 1, "attention.key_length": HEAD,
        "attention.value_length": HEAD, "attention.layer_norm_rms_epsilon": 1e-6, "rope.freq_base": 1e6,
    }  # fmt: skip
    return _write(path, "qwen3", keys, _dense(layers, seed))


def _mixed(layers: int, seed: int) -> Iterator[tuple[str, NDArray[np.float32]]]:
    weight = _Weights(seed)
    key, value, ranks, wide = 32, 64, 2, 64
    yield "token_embd.weight", weight(512, EMBED, std=0.5)
    yield "output.weight", weight(512, EMBED, std=0.5)
    yield "output_norm.weight", _ones(EMBED)
    for i in range(layers):
        parts = {"attn_norm": _ones(EMBED), "post_attention_norm": _ones(EMBED)}
        if (i + 1) % 4:
            parts |= {"attn_qkv": weight(2 * key + value, EMBED), "attn_gate": weight(value, EMBED)}
            parts |= {"ssm_conv1d": weight(2 * key + value, 4, std=0.5), "ssm_dt.bias": weight(ranks, std=0.05)}
            parts |= {"ssm_a": -np.abs(weight(ranks, std=0.5)), "ssm_beta": weight(ranks, EMBED)}
            parts |= {"ssm_alpha": weight(ranks, EMBED), "ssm_norm": _ones(32), "ssm_out": weight(EMBED, value)}
        else:
            parts |= {"attn_q": weight(wide * 4, EMBED), "attn_k": weight(wide, EMBED), "attn_v": weight(wide, EMBED)}
            parts |= {"attn_output": weight(EMBED, wide * 2), "attn_q_norm": _ones(wide), "attn_k_norm": _ones(wide)}
        yield from _layer(i, parts | _ffn(weight))


def hybrid(path: Path, layers: int = 4, seed: int = 1) -> Path:
    """A `qwen35` model: three gated-delta-net layers, then one of attention."""
    keys: dict[str, object] = {
        "context_length": 4096, "embedding_length": EMBED, "block_count": layers, "feed_forward_length": FFN,
        "attention.head_count": 2, "attention.head_count_kv": 1, "attention.key_length": 64,
        "attention.value_length": 64, "attention.layer_norm_rms_epsilon": 1e-6, "rope.freq_base": 1e7,
        "rope.dimension_count": 64, "rope.dimension_sections": [11, 11, 10, 0], "ssm.conv_kernel": 4,
        "ssm.state_size": 32, "ssm.group_count": 1, "ssm.time_step_rank": 2, "ssm.inner_size": 64,
        "full_attention_interval": 4,
    }  # fmt: skip
    return _write(path, "qwen35", keys, _mixed(layers, seed))
