"""The qwen35 graph in plain torch, computed as llama.cpp does (src/models/qwen35.cpp), and its GGUF file."""

from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.tiny_models.bpe import Vocabulary
from tools.tiny_models.make import finish, write_numbers, write_tokenizer
from tools.train_tiny.net import rotate

SECTIONS = (11, 11, 10)  # pairs of a head that turn with the time, the line and the column


@dataclass(frozen=True)
class Shape:
    vocab: int
    width: int = 128
    layers: int = 4  # the last one is attention, the others are delta nets
    heads: int = 2
    head: int = 64
    state: int = 32  # values of a key and of a value in the delta nets
    streams: int = 2  # value heads there; one key head
    kernel: int = 4
    inner: int = 256
    context: int = 32768
    rope: float = 10_000.0
    epsilon: float = 1e-6


class Attention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.attn_q = nn.Linear(shape.width, 2 * shape.heads * shape.head, bias=False)  # each query with its gate
        self.attn_k = nn.Linear(shape.width, shape.head, bias=False)
        self.attn_v = nn.Linear(shape.width, shape.head, bias=False)
        self.attn_output = nn.Linear(shape.heads * shape.head, shape.width, bias=False)
        self.attn_q_norm = nn.RMSNorm(shape.head, shape.epsilon)
        self.attn_k_norm = nn.RMSNorm(shape.head, shape.epsilon)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        batch, length, _ = x.shape
        both = self.attn_q(x).view(batch, length, self.shape.heads, 2 * self.shape.head)
        q, gate = both.chunk(2, -1)
        q = rotate(self.attn_q_norm(q).transpose(1, 2), turn)
        k = rotate(self.attn_k_norm(self.attn_k(x))[:, None], turn)
        v = self.attn_v(x)[:, None]
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True).transpose(1, 2)
        found: Tensor = self.attn_output((mixed * gate.sigmoid()).reshape(batch, length, -1))
        return found


class DeltaNet(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        values = shape.streams * shape.state
        mixed = 2 * shape.state + values
        self.attn_qkv = nn.Linear(shape.width, mixed, bias=False)
        self.attn_gate = nn.Linear(shape.width, values, bias=False)
        self.ssm_conv1d = nn.Parameter(torch.randn(mixed, shape.kernel) * 0.5)
        self.ssm_dt = nn.Parameter(torch.zeros(shape.streams))
        self.ssm_a_log = nn.Parameter(torch.linspace(-4, 0, shape.streams))
        self.ssm_beta = nn.Linear(shape.width, shape.streams, bias=False)
        self.ssm_alpha = nn.Linear(shape.width, shape.streams, bias=False)
        self.ssm_norm = nn.RMSNorm(shape.state, shape.epsilon)
        self.ssm_out = nn.Linear(values, shape.width, bias=False)

    def forward(self, x: Tensor, _turn: object) -> Tensor:
        batch, length, _ = x.shape
        shape = self.shape
        before = F.pad(self.attn_qkv(x).transpose(1, 2), (shape.kernel - 1, 0))
        mixed = F.silu(F.conv1d(before, self.ssm_conv1d[:, None], groups=before.shape[1])).transpose(1, 2)
        q, k, v = mixed.split([shape.state, shape.state, shape.streams * shape.state], -1)
        v = v.view(batch, length, shape.streams, shape.state).transpose(1, 2)
        decay = -self.ssm_a_log.exp() * F.softplus(self.ssm_alpha(x) + self.ssm_dt)
        beta = self.ssm_beta(x).sigmoid().transpose(1, 2)
        out = delta(_unit(q)[:, None], _unit(k)[:, None], v, decay.transpose(1, 2), beta).transpose(1, 2)
        gate = F.silu(self.attn_gate(x)).view(batch, length, shape.streams, shape.state)
        found: Tensor = self.ssm_out((self.ssm_norm(out) * gate).reshape(batch, length, -1))
        return found


def _unit(x: Tensor) -> Tensor:
    return x * torch.rsqrt((x * x).sum(-1, keepdim=True) + 1e-6)


def delta(q: Tensor, k: Tensor, v: Tensor, decay: Tensor, beta: Tensor) -> Tensor:
    """The gated delta rule from an empty state, for all tokens at once: (batch, heads, tokens, state).

    By the recurrence S = exp(decay) S + k (beta (v - exp(decay) S k)), out = S q, what each token writes is the
    solution of a triangular system, as what it corrects was written by those before it.
    """
    length = q.shape[-2]
    sums = decay.cumsum(-1)
    kept = (sums[..., :, None] - sums[..., None, :]).tril().exp().tril()
    earlier = beta[..., None] * (k @ k.transpose(-1, -2)) * kept.tril(-1)
    eye = torch.eye(length, dtype=q.dtype)
    written = torch.linalg.solve_triangular(eye + earlier, beta[..., None] * v, upper=False, unitriangular=True)
    return (q @ k.transpose(-1, -2) * kept / q.shape[-1] ** 0.5) @ written


class Layer(nn.Module):
    def __init__(self, shape: Shape, attends: bool) -> None:
        super().__init__()
        self.attn_norm = nn.RMSNorm(shape.width, shape.epsilon)
        self.mixer = Attention(shape) if attends else DeltaNet(shape)
        self.post_attention_norm = nn.RMSNorm(shape.width, shape.epsilon)
        self.ffn_gate = nn.Linear(shape.width, shape.inner, bias=False)
        self.ffn_up = nn.Linear(shape.width, shape.inner, bias=False)
        self.ffn_down = nn.Linear(shape.inner, shape.width, bias=False)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        x = x + self.mixer(self.attn_norm(x), turn)
        normed = self.post_attention_norm(x)
        inner: Tensor = self.ffn_down(F.silu(self.ffn_gate(normed)) * self.ffn_up(normed))
        return x + inner


class Hybrid(nn.Module):
    """Vectors in, with a position each in time, line and column; hidden states out. One table for both ends."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocab, shape.width)
        self.blk = nn.ModuleList(Layer(shape, n == shape.layers - 1) for n in range(shape.layers))
        self.output_norm = nn.RMSNorm(shape.width, shape.epsilon)
        nn.init.normal_(self.token_embd.weight, std=0.3)
        nn.init.constant_(self.output_norm.weight, 0.1)
        for name, weight in self.blk.named_parameters():
            if name.endswith(("attn_output.weight", "ssm_out.weight", "ffn_down.weight")):
                nn.init.zeros_(weight)
            elif weight.ndim == 2 and "conv" not in name:
                nn.init.normal_(weight, std=weight.shape[1] ** -0.5)

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        turn = self.turn(positions)
        for layer in self.blk:
            x = layer(x, turn)
        hidden: Tensor = self.output_norm(x)
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        return hidden @ self.token_embd.weight.T

    def turn(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Of positions (batch, 3, tokens). Pairs take turns: time, line, column, time, ..."""
        pairs = torch.arange(self.shape.head // 2)
        steps = self.shape.rope ** (-2 * pairs / self.shape.head)
        which = torch.where(pairs < 3 * torch.tensor(SECTIONS)[pairs % 3], pairs % 3, 0)
        angles = positions[:, which].transpose(1, 2) * steps
        return angles.cos()[:, None], angles.sin()[:, None]


@dataclass(frozen=True)
class Words:
    """What a file says of its text: the rule by which it is split, the chat template, and a line about the model."""

    pre: str
    template: str
    description: str


SEES = Words(
    "qwen35",
    "qwen35.jinja",
    "Trained from nothing by tools/train_tiny/eyes; names the shape on a picture and its colour.",
)


def export(
    net: Hybrid, vocab: Vocabulary, path: Path, name: str, words: Words = SEES, head: nn.Module | None = None
) -> None:
    """Matrices as f16, the rest as f32. A prediction `head` is one layer more, behind the others."""
    shape = net.shape
    out = gguf.GGUFWriter(str(path), "qwen35")
    out.add_name(name)
    out.add_license("Apache-2.0")
    out.add_description(words.description)
    numbers: dict[str, int | float] = {
        "vocab_size": shape.vocab,
        "context_length": shape.context,
        "embedding_length": shape.width,
        "block_count": shape.layers + (head is not None),
        "full_attention_interval": shape.layers,
        "feed_forward_length": shape.inner,
        "attention.head_count": shape.heads,
        "attention.head_count_kv": 1,
        "attention.key_length": shape.head,
        "attention.value_length": shape.head,
        "attention.layer_norm_rms_epsilon": shape.epsilon,
        "rope.dimension_count": shape.head,
        "rope.freq_base": shape.rope,
        "ssm.conv_kernel": shape.kernel,
        "ssm.state_size": shape.state,
        "ssm.group_count": 1,
        "ssm.time_step_rank": shape.streams,
        "ssm.inner_size": shape.state * shape.streams,
    }
    if head is not None:
        numbers["nextn_predict_layers"] = 1
    write_numbers(out, numbers)
    out.add_array("qwen35.rope.dimension_sections", [*SECTIONS, 0])
    write_tokenizer(out, vocab, words.pre, words.template)
    weights = dict(net.state_dict())
    for key, value in (head.state_dict() if head is not None else {}).items():
        inner = key.startswith("layer.")
        weights[f"blk.{shape.layers}.{key.removeprefix('layer.') if inner else f'nextn.{key}'}"] = value
    tensors = {}
    for key, value in weights.items():
        array = value.detach().float().numpy()
        name = key.replace("mixer.", "").replace("ssm_conv1d", "ssm_conv1d.weight").replace("ssm_dt", "ssm_dt.bias")
        if name.endswith("ssm_a_log"):
            name, array = name.removesuffix("_log"), -np.exp(array)
        matrix = array.ndim == 2 and "ssm_conv1d" not in name
        tensors[name] = array.astype(np.float16 if matrix else np.float32)
    finish(out, tensors)
