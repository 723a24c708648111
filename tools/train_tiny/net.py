"""The qwen3 graph in plain torch, computed as llama.cpp does (src/models/qwen3.cpp), and its GGUF file."""

from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.tiny_models.bpe import Vocabulary
from tools.tiny_models.make import finish, write_numbers, write_tokenizer


@dataclass(frozen=True)
class Shape:
    vocab: int
    width: int = 160
    layers: int = 4
    heads: int = 6
    groups: int = 3  # heads for keys and values
    head: int = 32
    inner: int = 384
    context: int = 4096
    rope: float = 10_000.0
    epsilon: float = 1e-6


class Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.attn_norm = nn.RMSNorm(shape.width, shape.epsilon)
        self.attn_q = nn.Linear(shape.width, shape.heads * shape.head, bias=False)
        self.attn_k = nn.Linear(shape.width, shape.groups * shape.head, bias=False)
        self.attn_v = nn.Linear(shape.width, shape.groups * shape.head, bias=False)
        self.attn_output = nn.Linear(shape.heads * shape.head, shape.width, bias=False)
        self.attn_q_norm = nn.RMSNorm(shape.head, shape.epsilon)
        self.attn_k_norm = nn.RMSNorm(shape.head, shape.epsilon)
        self.ffn_norm = nn.RMSNorm(shape.width, shape.epsilon)
        self.ffn_gate = nn.Linear(shape.width, shape.inner, bias=False)
        self.ffn_up = nn.Linear(shape.width, shape.inner, bias=False)
        self.ffn_down = nn.Linear(shape.inner, shape.width, bias=False)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        batch, length, _ = x.shape
        normed = self.attn_norm(x)
        q = self.attn_q(normed).view(batch, length, self.shape.heads, self.shape.head).transpose(1, 2)
        k = self.attn_k(normed).view(batch, length, self.shape.groups, self.shape.head).transpose(1, 2)
        v = self.attn_v(normed).view(batch, length, self.shape.groups, self.shape.head).transpose(1, 2)
        q, k = rotate(self.attn_q_norm(q), turn), rotate(self.attn_k_norm(k), turn)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        x = x + self.attn_output(mixed.transpose(1, 2).reshape(batch, length, -1))
        normed = self.ffn_norm(x)
        inner: Tensor = self.ffn_down(F.silu(self.ffn_gate(normed)) * self.ffn_up(normed))
        return x + inner


def rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """RoPE over halves of a head (ggml's NEOX order)."""
    cos, sin = turn
    low, high = x.chunk(2, -1)
    return torch.cat([low * cos - high * sin, high * cos + low * sin], -1)


class Net(nn.Module):
    """Embedding and output share one table. Gives hidden states: `logits` turns the wanted ones into scores."""

    cos: Tensor
    sin: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocab, shape.width)
        self.blk = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.output_norm = nn.RMSNorm(shape.width, shape.epsilon)
        steps = shape.rope ** (-torch.arange(0, shape.head, 2) / shape.head)
        angles = torch.arange(shape.context)[:, None] * steps
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        # The stream starts as the tokens alone (closing matrices are zero) and the first guesses are mild: copying is
        # learned a quarter sooner than from the usual start with small embeddings.
        nn.init.normal_(self.token_embd.weight, std=0.3)
        nn.init.constant_(self.output_norm.weight, 0.1)
        for name, weight in self.blk.named_parameters():
            if name.endswith(("attn_output.weight", "ffn_down.weight")):
                nn.init.zeros_(weight)
            elif weight.ndim == 2:
                nn.init.normal_(weight, std=weight.shape[1] ** -0.5)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.token_embd(ids)
        turn = (self.cos[: ids.shape[1]], self.sin[: ids.shape[1]])
        for layer in self.blk:
            x = layer(x, turn)
        hidden: Tensor = self.output_norm(x)
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        return hidden @ self.token_embd.weight.T


def export(net: Net, vocab: Vocabulary, path: Path, name: str) -> None:
    """Matrices as f16 (q8_0 moves logits forty times as far), norms as f32."""
    shape = net.shape
    out = gguf.GGUFWriter(str(path), "qwen3")
    out.add_name(name)
    out.add_license("Apache-2.0")
    out.add_description(
        "Trained from nothing on synthetic sentences by tools/train_tiny; knows a few functions and little else."
    )
    numbers: dict[str, int | float] = {
        "vocab_size": shape.vocab,
        "context_length": shape.context,
        "embedding_length": shape.width,
        "block_count": shape.layers,
        "feed_forward_length": shape.inner,
        "attention.head_count": shape.heads,
        "attention.head_count_kv": shape.groups,
        "attention.key_length": shape.head,
        "attention.value_length": shape.head,
        "attention.layer_norm_rms_epsilon": shape.epsilon,
        "rope.freq_base": shape.rope,
    }
    write_numbers(out, numbers)
    write_tokenizer(out, vocab, "qwen2", "qwen3.jinja")
    for_file = {key: value.detach().float().numpy() for key, value in net.state_dict().items()}
    finish(out, {key: value.astype(np.float16) if value.ndim == 2 else value for key, value in for_file.items()})
