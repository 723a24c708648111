"""How much memory a model takes: weights, cache, recurrent state and compute buffers, from its header alone.

Formulas of llama.cpp at the commit that llama-cpp-python 0.3.36 ships, held against its own log lines ("KV buffer
size", "RS buffer size", "compute buffer size") for SmolLM2-135M, tiny hybrids and headers with the dimensions of
Qwen3.5-35B-A3B and of a 4B. Cache and state are exact; compute buffers are never too low, and 2 % to 35 % too high for
the real ones.
"""

from dataclasses import dataclass, replace
from typing import Literal

from program.fits import EYES_COMPUTE_BYTES
from program.gguf import GgufError, Header

KvType = Literal["f16", "q8_0"]
MIB = 2**20
_F32 = 4
_KV_BYTES: dict[KvType, tuple[int, int]] = {"f16": (2, 1), "q8_0": (34, 32)}  # bytes, values of a block
# Of the hybrids that we serve; llama-arch.cpp, llm_arch_supports_rs_rollback, has more.
_GOES_BACK = frozenset({"qwen35", "qwen35moe"})
_FORESEES = frozenset({"qwen35", "qwen35moe"})  # a prediction head of theirs is driven (bindings/head.py)
_GATED = frozenset({"qwen35", "qwen35moe", "qwen3next"})  # attention writes a gate beside the query


@dataclass(frozen=True)
class Head:
    """The prediction layer (MTP) of a model, which guesses its next tokens. `cache_values`: of one token."""

    bytes: int
    cache_values: int


@dataclass(frozen=True)
class Footprint:
    """The sizes of one model. Tuples have an entry for each layer but the prediction (MTP) layers."""

    context: int  # tokens that the model was trained for
    # MTP layers at the end: they count in llama.cpp's n_gpu_layers. They take no memory, unless they are a head that is
    # loaded.
    unused_layers: int
    input_bytes: int  # token embedding: always in main memory
    output_bytes: int
    tied: bool  # the output is the embedding: on the CPU it is there once, on a GPU it is copied
    layer_bytes: tuple[int, ...]
    expert_bytes: tuple[int, ...]  # the part of layer_bytes that cpu_expert_layers moves
    cache_types: tuple[KvType, ...]  # llama.cpp refuses q8_0 when a head is no multiple of its block of 32
    cache_values: tuple[int, ...]  # keys and values of one token, 0 for a recurrent layer
    state_bytes: tuple[int, ...]  # of one sequence, 0 for an attention layer
    row_bytes: int  # activations of one batch row at the widest place of the graph
    state_row_bytes: int  # the same inside a recurrent layer
    logits_bytes: int  # one output row
    heads: int  # of attention, at most in one layer
    width: int  # numbers of a hidden state
    goes_back: bool  # a sequence can be cut by some tokens: where there are states, by copies of them
    head: Head | None = None

    @property
    def layers(self) -> int:
        return len(self.layer_bytes)

    @property
    def weights_bytes(self) -> int:
        return self.input_bytes + (0 if self.tied else self.output_bytes) + sum(self.layer_bytes)


@dataclass(frozen=True)
class Eyes:
    """The projector of a model: the path of its file, or the one that it will have, and its size."""

    path: str
    file_bytes: int

    @property
    def bytes(self) -> int:
        """What it takes where the model's output is, on the last GPU or in main memory."""
        return self.file_bytes + EYES_COMPUTE_BYTES


def footprint(header: Header) -> Footprint:
    """Read the sizes off a header. Raises GgufError when it lacks what they depend on."""
    total, unused = header.number("block_count"), header.number("nextn_predict_layers", 0)
    layers = total - unused
    if not 0 < layers <= 1024:
        raise GgufError(f"{header.architecture}.block_count {total} cannot be right")
    by_layer, experts = [0] * layers, [0] * layers
    for tensor in header.tensors:
        if tensor.layer is not None and tensor.layer < layers:
            by_layer[tensor.layer] += tensor.bytes
            experts[tensor.layer] += tensor.bytes if "_exps" in tensor.name or "_chexps" in tensor.name else 0
    named = {tensor.name: tensor for tensor in header.tensors}
    if "token_embd.weight" not in named:
        raise GgufError("the file has no token_embd.weight: it is a projector or an adapter, not a model")
    embedding = named["token_embd.weight"]
    output = named.get("output.weight", embedding)  # tied weights: llama.cpp loads them once more for the output
    recurrent = _recurrent_layers(header, layers)
    cache_values = _cache_values(header, recurrent)
    return Footprint(
        context=header.number("context_length"),
        unused_layers=unused,
        input_bytes=embedding.bytes,
        tied=output is embedding,
        output_bytes=output.bytes + sum(t.bytes for n, t in named.items() if n.startswith("output_norm")),
        layer_bytes=tuple(by_layer),
        expert_bytes=tuple(experts),
        cache_types=("f16", "q8_0") if all(width % 32 == 0 for width in _head_widths(header, layers)) else ("f16",),
        cache_values=cache_values,
        state_bytes=tuple(_state_bytes(header) if is_recurrent else 0 for is_recurrent in recurrent),
        row_bytes=_row_bytes(header),
        state_row_bytes=_state_row_bytes(header) if any(recurrent) else 0,
        logits_bytes=(embedding.shape[-1] + header.number("embedding_length")) * _F32,
        heads=_heads(header),
        width=header.number("embedding_length"),
        goes_back=not any(recurrent) or header.architecture in _GOES_BACK,
        head=_head(header, layers, unused, max(cache_values)),
    )


def _head(header: Header, layers: int, unused: int, cache_values: int) -> Head | None:
    """Return what the one prediction layer takes, if it is in the file: many leave it out, and some say all the same
    that it is there."""
    of_it = [tensor for tensor in header.tensors if tensor.layer == layers]
    if unused != 1 or header.architecture not in _FORESEES:
        return None
    if not any(tensor.name == f"blk.{layers}.nextn.eh_proj.weight" for tensor in of_it):
        return None
    return Head(sum(tensor.bytes for tensor in of_it), cache_values)


def cache_bytes(values: int, kv_type: KvType) -> int:
    size, block = _KV_BYTES[kv_type]
    return -(-values * size // block)


def padded(cells: int) -> int:
    """llama.cpp rounds a cache up to 256 cells (llama-context.cpp, GGML_PAD of n_ctx and n_ctx_seq)."""
    return -(-cells // 256) * 256


def compute_bytes(
    model: Footprint,
    rows: int,
    cells: int,
    sequences: int,
    flash_attention: bool = True,
    draft_rows: int = 0,
    rollback: int = 0,
) -> int:
    """The buffer of one device for a batch of `rows` that looks at `cells` cache cells.

    The mask, of 2 bytes a row and cell, lives throughout; the rest is the widest of three places, because the graph
    allocator reuses memory: activations, a recurrent layer that also holds two copies of its states, and the logits.
    Without flash attention there are the scores of one layer as well, and the mask has 4 bytes. Each of `draft_rows` is
    an output, and a layer that can go back holds as many states more, `rollback`, of each sequence.
    """
    activations = rows * model.row_bytes
    states = rows * model.state_row_bytes + (2 + rollback) * sequences * max(model.state_bytes)
    logits = (sequences + draft_rows) * model.logits_bytes
    mask = 2 * rows * padded(cells)
    scores = 0 if flash_attention else mask + scores_bytes(model, rows, cells)
    return mask + scores + max(activations, states, logits) * 11 // 10 + MIB


def head_compute_bytes(model: Footprint, rows: int, cells: int, sequences: int, flash_attention: bool = True) -> int:
    """The same for the context of a prediction head, which has no states, and for the model's hidden states of all
    `rows`, that the head reads."""
    stateless = replace(model, state_bytes=(0,), state_row_bytes=0)
    return compute_bytes(stateless, rows, cells, sequences, flash_attention) + rows * model.width * _F32


def scores_bytes(model: Footprint, rows: int, cells: int) -> int:
    """Return the bytes of the attention scores of one layer: each row to each cell, in every head. Flash attention has
    none."""
    return rows * padded(cells) * model.heads * _F32


def _recurrent_layers(header: Header, layers: int) -> tuple[bool, ...]:
    """Return for each layer whether it keeps a state and no cache (llama.cpp: src/models/qwen35moe.cpp,
    load_arch_hparams)."""
    if f"{header.architecture}.ssm.state_size" not in header.metadata:
        return (False,) * layers
    listed = header.metadata.get(f"{header.architecture}.attention.recurrent_layers")
    if isinstance(listed, tuple) and len(listed) >= layers:
        return tuple(bool(item) for item in listed[:layers])
    interval = max(1, header.number("full_attention_interval", 4))
    return tuple((index + 1) % interval != 0 for index in range(layers))


def _cache_values(header: Header, recurrent: tuple[bool, ...]) -> tuple[int, ...]:
    """n_embd_k_gqa + n_embd_v_gqa (llama-hparams.cpp) of the attention layers."""
    heads = header.per_layer("attention.head_count", len(recurrent))
    groups = header.per_layer("attention.head_count_kv", len(recurrent), heads[0])
    width = sum(_head_widths(header, len(recurrent)))
    return tuple(0 if skip else group * width for skip, group in zip(recurrent, groups, strict=True))


def _head_widths(header: Header, layers: int) -> tuple[int, int]:
    """Return the width of a head's keys and of its values."""
    plain = header.number("embedding_length") // max(1, *header.per_layer("attention.head_count", layers))
    return header.number("attention.key_length", plain), header.number("attention.value_length", plain)


def _state_bytes(header: Header) -> int:
    """n_embd_r + n_embd_s in F32 (llama-hparams.cpp; llama_memory_recurrent keeps a row of both a sequence)."""
    inner, state = header.number("ssm.inner_size"), header.number("ssm.state_size")
    convolution = max(0, header.number("ssm.conv_kernel") - 1) * _convolved(header)
    return (convolution + state * inner) * _F32


def _convolved(header: Header) -> int:
    return header.number("ssm.inner_size") + 2 * header.number("ssm.group_count", 0) * header.number("ssm.state_size")


def _heads(header: Header) -> int:
    return max(header.per_layer("attention.head_count", header.number("block_count")))


def _row_bytes(header: Header) -> int:
    """Widest of feed-forward, experts and attention, in the measured multiples of their widths."""
    embedding = header.number("embedding_length")
    query = _heads(header) * _head_widths(header, header.number("block_count"))[0]
    gate = 2 if header.architecture in _GATED else 1
    dense = max(header.per_layer("feed_forward_length", header.number("block_count"), 0))
    chosen = header.number("expert_used_count", 0)
    expert = chosen * (2 * embedding + header.number("expert_feed_forward_length", 0))
    return max(3 * dense, expert, 3 * gate * query) * _F32 + 4 * embedding * _F32


def _state_row_bytes(header: Header) -> int:
    return (2 * _convolved(header) + 3 * header.number("ssm.inner_size")) * _F32
