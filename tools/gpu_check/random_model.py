"""Writes a GGUF with the shape of Qwen3.5/3.6 mixtures of experts and random weights, for measuring speed without the
real weights: what llama.cpp computes, and how long it takes, depends on shapes and types alone.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, version 3. Names of keys and tensors as llama.cpp
reads them (src/models/qwen35moe.cpp). Quantised tensors go from a pool of random Q4_0 blocks straight to disk, so that
19.6 GB of weights need 32 MiB of memory.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

ALIGNMENT = 32
POOL_BYTES = 32 << 20
BLOCK, BLOCK_BYTES = 32, 18  # Q4_0: a half-precision scale and 32 values of 4 bits (ggml-common.h)
SPREAD = 4.6  # standard deviation of a uniform draw from -8 to 7
F32, Q4_0 = 0, 2  # ggml_type
UINT32, FLOAT32, BOOL, STRING, ARRAY, INT32 = 4, 6, 7, 8, 9, 5  # gguf_metadata_value_type
NORMAL, CONTROL, DEFINED = 1, 3, 4  # llama_token_type
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
MARKED = ("<think>", "</think>", "<tool_call>", "</tool_call>")
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "<|im_start|>assistant\n"
)


@dataclass(frozen=True)
class Shape:
    """Sizes of the model; every `interval`-th layer is attention, the others are gated delta nets."""

    layers: int
    width: int
    vocab: int
    heads: int
    kv_heads: int
    head: int
    key_heads: int
    value_heads: int
    state: int
    experts: int
    used: int
    inner: int  # width of an expert
    interval: int = 4
    context: int = 262144


QWEN36_35B_A3B = Shape(40, 2048, 248320, 16, 2, 256, 16, 32, 128, 256, 8, 512)
TINY = Shape(4, 128, 1024, 2, 1, 64, 1, 2, 64, 8, 2, 64, context=32768)


@dataclass(frozen=True)
class Tensor:
    """`shape` innermost first. `fill`: None is random, else every value."""

    name: str
    shape: tuple[int, ...]
    type: int = Q4_0
    fill: float | None = None

    @property
    def bytes(self) -> int:
        count = int(np.prod(self.shape))
        return count * 4 if self.type == F32 else count // BLOCK * BLOCK_BYTES


def tensors(shape: Shape) -> list[Tensor]:
    width = shape.width
    found = [
        Tensor("token_embd.weight", (width, shape.vocab)),
        Tensor("output.weight", (width, shape.vocab)),
        Tensor("output_norm.weight", (width,), F32, 1.0),
    ]
    for layer in range(shape.layers):
        mixer = _attention(shape) if (layer + 1) % shape.interval == 0 else _delta_net(shape)
        norms = [Tensor(name, (width,), F32, 1.0) for name in ("attn_norm.weight", "post_attention_norm.weight")]
        for part in (*norms, *mixer, *_experts(shape)):
            found.append(Tensor(f"blk.{layer}.{part.name}", part.shape, part.type, part.fill))
    return found


def _attention(shape: Shape) -> list[Tensor]:
    """The query brings an output gate of its own size."""
    width, query, key = shape.width, shape.heads * shape.head, shape.kv_heads * shape.head
    return [
        Tensor("attn_q.weight", (width, 2 * query)),
        Tensor("attn_k.weight", (width, key)),
        Tensor("attn_v.weight", (width, key)),
        Tensor("attn_output.weight", (query, width)),
        Tensor("attn_q_norm.weight", (shape.head,), F32, 1.0),
        Tensor("attn_k_norm.weight", (shape.head,), F32, 1.0),
    ]


def _delta_net(shape: Shape) -> list[Tensor]:
    values = shape.value_heads * shape.state
    mixed = 2 * shape.key_heads * shape.state + values
    return [
        Tensor("attn_qkv.weight", (shape.width, mixed)),
        Tensor("attn_gate.weight", (shape.width, values)),
        Tensor("ssm_conv1d.weight", (4, mixed), F32),
        Tensor("ssm_dt.bias", (shape.value_heads,), F32),
        Tensor("ssm_a", (shape.value_heads,), F32, -0.5),
        Tensor("ssm_beta.weight", (shape.width, shape.value_heads)),
        Tensor("ssm_alpha.weight", (shape.width, shape.value_heads)),
        Tensor("ssm_norm.weight", (shape.state,), F32, 1.0),
        Tensor("ssm_out.weight", (values, shape.width)),
    ]


def _experts(shape: Shape) -> list[Tensor]:
    width, inner, experts = shape.width, shape.inner, shape.experts
    return [
        Tensor("ffn_gate_inp.weight", (width, experts), F32),
        Tensor("ffn_gate_exps.weight", (width, inner, experts)),
        Tensor("ffn_up_exps.weight", (width, inner, experts)),
        Tensor("ffn_down_exps.weight", (inner, width, experts)),
        Tensor("ffn_gate_inp_shexp.weight", (width,), F32),
        Tensor("ffn_gate_shexp.weight", (width, inner)),
        Tensor("ffn_up_shexp.weight", (width, inner)),
        Tensor("ffn_down_shexp.weight", (inner, width)),
    ]


# ---- metadata ------------------------------------------------------------------------------------------------------


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def _strings(key: str, items: Sequence[str]) -> bytes:
    return pair(key, ARRAY, struct.pack("<IQ", STRING, len(items)) + b"".join(map(text, items)))


def _integers(key: str, items: Sequence[int]) -> bytes:
    return pair(key, ARRAY, struct.pack("<IQ", INT32, len(items)) + np.asarray(items, "<i4").tobytes())


def metadata(shape: Shape) -> list[bytes]:
    """Every key and value, encoded."""
    arch = "qwen35moe"
    numbers = {
        "vocab_size": shape.vocab,
        "context_length": shape.context,
        "embedding_length": shape.width,
        "block_count": shape.layers,
        "full_attention_interval": shape.interval,
        "attention.head_count": shape.heads,
        "attention.head_count_kv": shape.kv_heads,
        "attention.key_length": shape.head,
        "attention.value_length": shape.head,
        "rope.dimension_count": shape.head // 4,
        "expert_count": shape.experts,
        "expert_used_count": shape.used,
        "expert_feed_forward_length": shape.inner,
        "expert_shared_feed_forward_length": shape.inner,
        "ssm.conv_kernel": 4,
        "ssm.state_size": shape.state,
        "ssm.group_count": shape.key_heads,
        "ssm.time_step_rank": shape.value_heads,
        "ssm.inner_size": shape.state * shape.value_heads,
    }
    third = shape.head // 4 // 2 // 3
    sections = (shape.head // 8 - 2 * third, third, third, 0)
    return [
        pair("general.architecture", STRING, text(arch)),
        pair("general.name", STRING, text("random weights")),
        *(pair(f"{arch}.{key}", UINT32, struct.pack("<I", value)) for key, value in numbers.items()),
        pair(f"{arch}.attention.layer_norm_rms_epsilon", FLOAT32, struct.pack("<f", 1e-6)),
        pair(f"{arch}.rope.freq_base", FLOAT32, struct.pack("<f", 1e7)),
        _integers(f"{arch}.rope.dimension_sections", sections),
        *_tokenizer(shape.vocab),
    ]


def _tokenizer(size: int) -> Iterator[bytes]:
    """Byte tokens, words that mean nothing, and the marks of a chat; no merges, so text is taken byte by byte."""
    marks = (*SPECIAL, *MARKED)
    tokens = [_printable(byte) for byte in range(256)]
    tokens += [f"w{number}" for number in range(size - 256 - len(marks))]
    kinds = [NORMAL] * len(tokens) + [CONTROL] * len(SPECIAL) + [DEFINED] * len(MARKED)
    first = len(tokens)
    yield pair("tokenizer.ggml.model", STRING, text("gpt2"))
    yield pair("tokenizer.ggml.pre", STRING, text("qwen35"))
    yield _strings("tokenizer.ggml.tokens", [*tokens, *marks])
    yield _integers("tokenizer.ggml.token_type", kinds)
    yield _strings("tokenizer.ggml.merges", ["w 0"])
    yield pair("tokenizer.ggml.eos_token_id", UINT32, struct.pack("<I", first + SPECIAL.index("<|im_end|>")))
    yield pair("tokenizer.ggml.padding_token_id", UINT32, struct.pack("<I", first))
    yield pair("tokenizer.ggml.add_bos_token", BOOL, b"\0")
    yield pair("tokenizer.chat_template", STRING, text(TEMPLATE))


def _printable(byte: int) -> str:
    """GPT-2's alphabet: printable Latin-1 stands for itself, the other bytes for code points from 256 on, in order."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    if byte in plain:
        return chr(byte)
    return chr(256 + sum(other not in plain for other in range(byte)))


# ---- data ----------------------------------------------------------------------------------------------------------


class Pool:
    """Random Q4_0 blocks whose values have the spread 1 / sqrt(inputs), so that activations neither grow nor fade."""

    def __init__(self, seed: int) -> None:
        count = POOL_BYTES // BLOCK_BYTES
        self._blocks = np.random.default_rng(seed).integers(0, 256, (count, BLOCK_BYTES), np.uint8)
        self._place = 0

    def write(self, out: BinaryIO, tensor: Tensor) -> None:
        scale = np.float16(1 / (SPREAD * np.sqrt(tensor.shape[0])))
        self._blocks[:, :2] = np.frombuffer(scale.tobytes(), np.uint8)
        left = tensor.bytes // BLOCK_BYTES
        while left:
            part = self._blocks[self._place : self._place + left]
            out.write(part.data)
            left -= len(part)
            self._place = (self._place + len(part)) % len(self._blocks)


def write(path: Path, shape: Shape, seed: int = 0) -> int:
    """Write the model and return its size in bytes. The same arguments give the same bytes."""
    every, pairs = tensors(shape), metadata(shape)
    offset, infos = 0, []
    for tensor in every:
        dims = struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
        infos.append(text(tensor.name) + dims + struct.pack("<IQ", tensor.type, offset))
        offset += -(-tensor.bytes // ALIGNMENT) * ALIGNMENT
    rng, pool = np.random.default_rng(seed), Pool(seed)
    with path.open("wb") as out:
        out.write(struct.pack("<4sIQQ", b"GGUF", 3, len(every), len(pairs)))
        out.writelines(pairs)
        out.writelines(infos)
        _pad(out)
        for tensor in every:
            if tensor.type == Q4_0:
                pool.write(out, tensor)
            elif tensor.fill is None:
                out.write((rng.standard_normal(tensor.shape[::-1]) / np.sqrt(tensor.shape[0])).astype("<f4").tobytes())
            else:
                out.write(np.full(tensor.shape, tensor.fill, "<f4").tobytes())
            _pad(out)
        return out.tell()


def _pad(out: BinaryIO) -> None:
    out.write(b"\0" * (-out.tell() % ALIGNMENT))
