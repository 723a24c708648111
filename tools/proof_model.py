"""Write the model that a build of llama.cpp is proved with, and the numbers that it has to come to:

    .venv/bin/python -m tools.proof_model worker/engine

`proof.gguf` is a mixture of experts of two layers in the architecture qwen3moe (keys and tensors as llama.cpp's
src/models/qwen3moe.cpp reads them). Its weights are random blocks of every type for which ggml has kernels that depend
on the CPU: those of AMX (ggml-cpu/amx: rows of 256, columns in multiples of 32) and those that are rewritten at load
(ggml-cpu/repack.cpp). `proof.npz` has the tokens and the logits, computed here in double precision from the dequantised
weights, with nothing of llama.cpp in it. The same arguments give the same bytes.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Kind
from gguf.quants import dequantize
from numpy.typing import NDArray

WIDTH, LAYERS, HEADS, HEAD, EXPERTS, INNER, TOKENS = 256, 2, 2, 64, 4, 32, 288
PROMPT, STREAMS = 96, 8  # rows of the prompt, and chats that go on from it, each with a token of its own
SEED = 13
BASE, EPSILON = 1e6, 1e-6

# Where a block keeps its half-precision scales (ggml-common.h), and how large they are beside the first. The minimum of
# the types with one is set to the middle of the values, so that weights are as often negative as positive.
SCALES: dict[Kind, tuple[tuple[int, float], ...]] = {
    Kind.Q4_0: ((0, 1),),
    Kind.Q4_1: ((0, 1), (2, -7.5)),
    Kind.Q8_0: ((0, 1),),
    Kind.Q4_K: ((0, 1), (2, 7.5)),
    Kind.Q5_K: ((0, 1), (2, 15.5)),
    Kind.Q6_K: ((208, 1),),
    Kind.IQ4_XS: ((0, 1),),
}
LAYER_TYPES = (
    (Kind.Q4_K, Kind.Q5_K, Kind.Q6_K, Kind.Q4_0, Kind.Q4_K, Kind.IQ4_XS, Kind.Q4_0),
    (Kind.IQ4_XS, Kind.Q8_0, Kind.Q4_1, Kind.Q8_0, Kind.Q4_0, Kind.Q6_K, Kind.Q8_0),
)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Quantised:
    """Blocks of one type; `shape` with the rows' length last, as numpy has it."""

    kind: Kind
    blocks: NDArray[np.uint8]

    @property
    def values(self) -> Floats:
        return dequantize(self.blocks, self.kind).astype(np.float64)


def draw(rng: np.random.Generator, kind: Kind, *shape: int) -> Quantised:
    """Random blocks, scaled so that a row of weights has the length 1: activations neither grow nor fade."""
    size, width = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (*shape[:-1], shape[-1] // size, width), np.uint8)
    row = (*shape[:-1], shape[-1] // size * width)

    def scaled(scale: float) -> Quantised:
        for place, times in SCALES[kind]:
            blocks[..., place : place + 2] = np.frombuffer(np.float16(scale * times).tobytes(), np.uint8)
        return Quantised(kind, blocks.reshape(row).copy())

    return scaled(2**-6 / np.sqrt(shape[-1]) / scaled(2**-6).values.std())


Tensors = dict[str, Quantised | NDArray[np.float32]]


def tensors(rng: np.random.Generator) -> Tensors:
    """All weights by the names of the file."""
    one = np.ones(WIDTH, np.float32)
    made: Tensors = {"token_embd.weight": draw(rng, Kind.Q8_0, TOKENS, WIDTH), "output_norm.weight": one}
    made["output.weight"] = draw(rng, Kind.Q6_K, TOKENS, WIDTH)
    for layer, (q, k, v, o, gate, up, down) in enumerate(LAYER_TYPES):
        block: Tensors = {
            "attn_norm.weight": one,
            "attn_q.weight": draw(rng, q, HEADS * HEAD, WIDTH),
            "attn_k.weight": draw(rng, k, HEAD, WIDTH),
            "attn_v.weight": draw(rng, v, HEAD, WIDTH),
            "attn_output.weight": draw(rng, o, WIDTH, HEADS * HEAD),
            "attn_q_norm.weight": np.full(HEAD, 2, np.float32),  # so that attention prefers some tokens to others
            "attn_k_norm.weight": np.ones(HEAD, np.float32),
            "ffn_norm.weight": one,
            "ffn_gate_inp.weight": (rng.standard_normal((EXPERTS, WIDTH)) / 16).astype(np.float32),
            "ffn_gate_exps.weight": draw(rng, gate, EXPERTS, INNER, WIDTH),
            "ffn_up_exps.weight": draw(rng, up, EXPERTS, INNER, WIDTH),
            "ffn_down_exps.weight": draw(rng, down, EXPERTS, WIDTH, INNER),
        }
        made |= {f"blk.{layer}.{name}": tensor for name, tensor in block.items()}
    return made


# ---- what comes out, by the book -------------------------------------------------------------------------------------


def normed(x: Floats, weight: Floats) -> Floats:
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPSILON) * weight


def turned(x: Floats, positions: NDArray[np.int64]) -> Floats:
    """Rotary positions: dimension i turns together with dimension i + half."""
    half = HEAD // 2
    angles = positions[:, None, None] * BASE ** (-np.arange(half) / half)
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * np.cos(angles) - b * np.sin(angles), a * np.sin(angles) + b * np.cos(angles)], -1)


def soft(x: Floats) -> Floats:
    raised = np.exp(x - x.max(-1, keepdims=True))
    return raised / raised.sum(-1, keepdims=True)


def attended(x: Floats, w: dict[str, Floats]) -> Floats:
    positions = np.arange(len(x))
    query = normed((x @ w["attn_q"].T).reshape(len(x), HEADS, HEAD), w["attn_q_norm"])
    key = normed((x @ w["attn_k"].T).reshape(len(x), 1, HEAD), w["attn_k_norm"])
    query, key, value = turned(query, positions), turned(key, positions)[:, 0], x @ w["attn_v"].T
    scores = np.einsum("qhd,kd->hqk", query, key) / np.sqrt(HEAD)
    scores = np.where(positions[:, None] >= positions, scores, -np.inf)
    return np.einsum("hqk,kd->qhd", soft(scores), value).reshape(len(x), -1) @ w["attn_output"].T


def mixed(x: Floats, w: dict[str, Floats]) -> Floats:
    """All experts are taken for each token: which ones would hang on the last bit of a number otherwise."""
    gate = np.einsum("td,eid->tei", x, w["ffn_gate_exps"])
    inner = gate / (1 + np.exp(-gate)) * np.einsum("td,eid->tei", x, w["ffn_up_exps"])
    return np.einsum("te,tei,edi->td", soft(x @ w["ffn_gate_inp"].T), inner, w["ffn_down_exps"])


def logits(tokens: NDArray[np.int32], weights: dict[str, Floats]) -> Floats:
    """Of the token after each one; (tokens, vocabulary)."""
    x = weights["token_embd"][tokens]
    for layer in range(LAYERS):
        w = {name.partition(f"blk.{layer}.")[2]: tensor for name, tensor in weights.items()}
        x = x + attended(normed(x, w["attn_norm"]), w)
        x = x + mixed(normed(x, w["ffn_norm"]), w)
    return normed(x, weights["output_norm"]) @ weights["output"].T


# ---- files -----------------------------------------------------------------------------------------------------------


def write_model(path: Path, made: Tensors) -> None:
    out = gguf.GGUFWriter(str(path), "qwen3moe")
    out.add_name("Proof of a build")
    out.add_vocab_size(TOKENS)
    out.add_context_length(32768)
    out.add_embedding_length(WIDTH)
    out.add_block_count(LAYERS)
    out.add_feed_forward_length(INNER)
    out.add_expert_feed_forward_length(INNER)
    out.add_expert_count(EXPERTS)
    out.add_expert_used_count(EXPERTS)
    out.add_head_count(HEADS)
    out.add_head_count_kv(1)
    out.add_key_length(HEAD)
    out.add_value_length(HEAD)
    out.add_layer_norm_rms_eps(EPSILON)
    out.add_rope_freq_base(BASE)
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("qwen2")
    out.add_token_list(
        ["<|endoftext|>", "Ċ", *(f"w{number}" for number in range(TOKENS - 2))]
    )  # nobody reads text with it
    out.add_token_types([gguf.TokenType.CONTROL] + [gguf.TokenType.NORMAL] * (TOKENS - 1))
    out.add_token_merges(["w 0"])
    out.add_eos_token_id(0)
    out.add_add_bos_token(False)
    for name, tensor in made.items():
        if isinstance(tensor, Quantised):
            out.add_tensor(name, tensor.blocks, raw_dtype=tensor.kind)
        else:
            out.add_tensor(name, tensor)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def write(folder: Path) -> None:
    """Both files."""
    rng = np.random.default_rng(SEED)
    made = tensors(rng)
    write_model(folder / "proof.gguf", made)
    plain = {name: made[name] for name in made}
    weights = {
        name.removesuffix(".weight"): tensor.values if isinstance(tensor, Quantised) else tensor.astype(np.float64)
        for name, tensor in plain.items()
    }
    prompt = rng.integers(1, TOKENS, PROMPT, np.int32)
    streams = rng.choice(np.arange(1, TOKENS, dtype=np.int32), STREAMS, replace=False)
    rows = [logits(prompt, weights)[-1]]
    rows += [logits(np.append(prompt, token), weights)[-1] for token in streams]
    np.savez(folder / "proof.npz", prompt=prompt, streams=streams, logits=np.array(rows, np.float32))


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    write(arguments.parse_args().folder)
