"""Tiny GGUF files of the Qwen families with weights drawn at random: real llama.cpp, real tokenizers, no real sense.

Architectures and key names as llama.cpp reads them (src/models/qwen3.cpp and qwen35.cpp); tokenizer, chat templates and
weights are our own. The same arguments give the same bytes.
"""

from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from tools.tiny_models.bpe import Vocabulary, learn

HERE = Path(__file__).parent
CONTROL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
DEFINED = ("<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")
Tensors = dict[str, NDArray[np.generic]]


def vocabulary(text: str, merges: int, bind_capitals: bool = True) -> Vocabulary:
    """Qwen's special tokens around merges learned from a text."""
    return Vocabulary(learn(text, merges, bind_capitals), CONTROL, DEFINED)


def small_vocabulary() -> Vocabulary:
    """The tokenizer of the random models: 300 merges learned from text.txt."""
    return vocabulary((HERE / "text.txt").read_text(), 300)


def write_tokenizer(out: gguf.GGUFWriter, vocab: Vocabulary, pre: str, template: str) -> None:
    """Vocabulary and chat template. `pre` names the splitting rule: qwen2 or qwen35."""
    kinds = [gguf.TokenType.NORMAL] * len(vocab.tokens)
    for token in vocab.control:
        kinds[vocab.ids[token]] = gguf.TokenType.CONTROL
    for token in vocab.defined:
        kinds[vocab.ids[token]] = gguf.TokenType.USER_DEFINED
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre(pre)
    out.add_token_list(vocab.tokens)
    out.add_token_types(kinds)
    out.add_token_merges([" ".join(pair) for pair in vocab.merges])
    out.add_eos_token_id(vocab.ids["<|im_end|>"])
    out.add_pad_token_id(vocab.ids["<|endoftext|>"])
    out.add_bos_token_id(vocab.ids["<|endoftext|>"])
    out.add_add_bos_token(False)
    out.add_chat_template((HERE / template).read_text())


def write_numbers(out: gguf.GGUFWriter, numbers: dict[str, int | float]) -> None:
    """Hyper-parameters under the name of the architecture."""
    for key, value in numbers.items():
        if isinstance(value, int):
            out.add_uint32(f"{out.arch}.{key}", value)
        else:
            out.add_float32(f"{out.arch}.{key}", value)


def finish(out: gguf.GGUFWriter, tensors: Tensors) -> None:
    for name, tensor in tensors.items():
        out.add_tensor(name, tensor)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


class _Draw:
    """Weights from one random stream."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def __call__(self, *shape: int, std: float = 0.2) -> NDArray[np.float32]:
        return (self._rng.standard_normal(shape) * std).astype(np.float32)


def _ones(n: int) -> NDArray[np.float32]:
    return np.ones(n, np.float32)


def _attention(draw: _Draw, width: int, head: int, query_parts: int) -> Tensors:
    """Two query heads, one for keys and values. `query_parts` 2: the query brings an output gate of its own size."""
    return {
        "attn_q.weight": draw(2 * head * query_parts, width),
        "attn_k.weight": draw(head, width),
        "attn_v.weight": draw(head, width),
        "attn_output.weight": draw(width, 2 * head),
        "attn_q_norm.weight": _ones(head),
        "attn_k_norm.weight": _ones(head),
    }


def _feed_forward(draw: _Draw, width: int, inner: int) -> Tensors:
    return {
        "ffn_gate.weight": draw(inner, width),
        "ffn_up.weight": draw(inner, width),
        "ffn_down.weight": draw(width, inner),
    }


def _delta_net(draw: _Draw, width: int, state: int, heads: int) -> Tensors:
    """One gated delta net: one key head, `heads` value heads, all of `state` values."""
    mixed = 2 * state + heads * state
    return {
        "attn_qkv.weight": draw(mixed, width),
        "attn_gate.weight": draw(heads * state, width),
        "ssm_conv1d.weight": draw(mixed, 4, std=0.5),
        "ssm_dt.bias": draw(heads, std=0.05),
        "ssm_a": -np.abs(draw(heads, std=0.5)),
        "ssm_beta.weight": draw(heads, width),
        "ssm_alpha.weight": draw(heads, width),
        "ssm_norm.weight": _ones(state),
        "ssm_out.weight": draw(width, heads * state),
    }


def write_qwen3(path: Path, seed: int = 0) -> None:
    """A dense model of two layers, all attention; chat as in Qwen3."""
    width, head, layers = 64, 32, 2
    vocab, draw = small_vocabulary(), _Draw(seed)
    out = gguf.GGUFWriter(str(path), "qwen3")
    out.add_name("Tiny random Qwen3")
    write_numbers(
        out,
        {
            "vocab_size": len(vocab.tokens),
            "context_length": 32768,
            "embedding_length": width,
            "block_count": layers,
            "feed_forward_length": 2 * width,
            "attention.head_count": 2,
            "attention.head_count_kv": 1,
            "attention.key_length": head,
            "attention.value_length": head,
            "attention.layer_norm_rms_epsilon": 1e-6,
            "rope.freq_base": 1e6,
        },
    )
    write_tokenizer(out, vocab, "qwen2", "qwen3.jinja")
    tensors: Tensors = {
        "token_embd.weight": draw(len(vocab.tokens), width, std=0.5).astype(np.float16),
        "output_norm.weight": _ones(width),
    }
    for layer in range(layers):
        block: Tensors = {"attn_norm.weight": _ones(width), "ffn_norm.weight": _ones(width)}
        block |= _attention(draw, width, head, 1) | _feed_forward(draw, width, 2 * width)
        tensors |= {f"blk.{layer}.{name}": tensor for name, tensor in block.items()}
    finish(out, tensors)


def write_qwen35(path: Path, seed: int = 0) -> None:
    """A hybrid model: three gated delta nets, one attention layer, and a head that guesses one token further."""
    width, head, state, heads, layers = 64, 64, 64, 2, 4
    vocab, draw = small_vocabulary(), _Draw(seed)
    out = gguf.GGUFWriter(str(path), "qwen35")
    out.add_name("Tiny random Qwen3.5")
    write_numbers(
        out,
        {
            "vocab_size": len(vocab.tokens),
            "context_length": 32768,
            "embedding_length": width,
            "block_count": layers + 1,
            "nextn_predict_layers": 1,
            "full_attention_interval": layers,
            "feed_forward_length": 2 * width,
            "attention.head_count": 2,
            "attention.head_count_kv": 1,
            "attention.key_length": head,
            "attention.value_length": head,
            "attention.layer_norm_rms_epsilon": 1e-6,
            "rope.dimension_count": head,
            "rope.freq_base": 1e7,
            "ssm.conv_kernel": 4,
            "ssm.state_size": state,
            "ssm.group_count": 1,
            "ssm.time_step_rank": heads,
            "ssm.inner_size": state * heads,
        },
    )
    out.add_array("qwen35.rope.dimension_sections", [11, 11, 10, 0])
    write_tokenizer(out, vocab, "qwen35", "qwen35.jinja")
    tensors: Tensors = {
        "token_embd.weight": draw(len(vocab.tokens), width, std=0.5).astype(np.float16),
        "output_norm.weight": _ones(width),
    }
    for layer in range(layers + 1):
        block: Tensors = {"attn_norm.weight": _ones(width), "post_attention_norm.weight": _ones(width)}
        block |= _delta_net(draw, width, state, heads) if layer < layers - 1 else _attention(draw, width, head, 2)
        block |= _feed_forward(draw, width, 2 * width)
        if layer == layers:
            block["nextn.eh_proj.weight"] = draw(width, 2 * width)
            block |= {f"nextn.{name}.weight": _ones(width) for name in ("enorm", "hnorm", "shared_head_norm")}
        tensors |= {f"blk.{layer}.{name}": tensor for name, tensor in block.items()}
    finish(out, tensors)


def write_projector(path: Path, seed: int = 0) -> None:
    """Eyes for `write_qwen35`: two layers over patches of 16 x 16 pixels, four of which are one token."""
    width, into, layers, patch, side = 32, 64, 2, 16, 48
    draw = _Draw(seed)
    out = gguf.GGUFWriter(str(path), "clip")
    out.add_type("mmproj")
    out.add_name("Tiny random eyes")
    out.add_clip_has_vision_encoder(True)
    out.add_clip_projector_type("qwen3vl_merger")
    out.add_vision_use_gelu(True)
    out.add_vision_projection_dim(into)
    out.add_vision_image_size(side * patch)
    out.add_vision_patch_size(patch)
    out.add_vision_embedding_length(width)
    out.add_vision_feed_forward_length(2 * width)
    out.add_vision_block_count(layers)
    out.add_vision_head_count(2)
    out.add_vision_attention_layernorm_eps(1e-6)
    out.add_vision_spatial_merge_size(2)
    out.add_vision_image_mean([0.5] * 3)
    out.add_vision_image_std([0.5] * 3)
    out.add_vision_is_deepstack_layers([False] * layers)

    def linear(name: str, inside: int, outside: int) -> Tensors:
        return {f"{name}.weight": draw(outside, inside), f"{name}.bias": draw(outside, std=0.05)}

    def norm(name: str) -> Tensors:
        return {f"{name}.weight": _ones(width), f"{name}.bias": draw(width, std=0.05)}

    tensors: Tensors = {
        "v.patch_embd.weight": draw(width, 3, patch, patch).astype(np.float16),
        "v.patch_embd.weight.1": draw(width, 3, patch, patch).astype(np.float16),
        "v.patch_embd.bias": draw(width, std=0.05),
        "v.position_embd.weight": draw(side * side, width, std=0.5),
    }
    for layer in range(layers):
        block = norm("ln1") | linear("attn_qkv", width, 3 * width) | linear("attn_out", width, width)
        block |= norm("ln2") | linear("ffn_up", width, 2 * width) | linear("ffn_down", 2 * width, width)
        tensors |= {f"v.blk.{layer}.{name}": tensor for name, tensor in block.items()}
    tensors |= norm("v.post_ln") | linear("mm.0", 4 * width, 4 * width) | linear("mm.2", 4 * width, into)
    finish(out, tensors)
