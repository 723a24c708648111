"""The encoder of qwen3vl_merger in plain torch, computed as llama.cpp does (tools/mtmd/models/qwen3vl.cpp)."""

from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from tools.tiny_models.make import finish
from wire.pictures import PATCH as TOKEN

PATCH = 16  # pixels a side; four patches become a token
MERGE = TOKEN // PATCH


@dataclass(frozen=True)
class Shape:
    into: int  # width of the model that reads
    width: int = 64
    layers: int = 3
    heads: int = 2
    inner: int = 160
    side: int = 12  # places a side, stretched over every picture
    epsilon: float = 1e-6

    @property
    def head(self) -> int:
        return self.width // self.heads


def patches(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A picture (height, width, 3) as rows of a patch's values; the four of a token stand together."""
    height, width, _ = rgb.shape
    scaled = rgb.astype(np.float32) / 127.5 - 1
    cut = scaled.reshape(height // TOKEN, MERGE, PATCH, width // TOKEN, MERGE, PATCH, 3)
    return cut.transpose(0, 3, 1, 4, 6, 2, 5).reshape(-1, 3 * PATCH * PATCH)


class Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.ln1 = nn.LayerNorm(shape.width, shape.epsilon)
        self.attn_qkv = nn.Linear(shape.width, 3 * shape.width)
        self.attn_out = nn.Linear(shape.width, shape.width)
        self.ln2 = nn.LayerNorm(shape.width, shape.epsilon)
        self.ffn_up = nn.Linear(shape.width, shape.inner)
        self.ffn_down = nn.Linear(shape.inner, shape.width)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        batch, length, width = x.shape
        parts = self.attn_qkv(self.ln1(x)).view(batch, length, 3, self.shape.heads, self.shape.head)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(rotate(q, turn), rotate(k, turn), v)
        x = x + self.attn_out(mixed.transpose(1, 2).reshape(batch, length, width))
        inner: Tensor = self.ffn_down(F.gelu(self.ffn_up(self.ln2(x)), approximate="tanh"))
        return x + inner


def rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    cos, sin = turn
    low, high = x.chunk(2, -1)
    return torch.cat([low * cos - high * sin, high * cos + low * sin], -1)


def in_tokens(grid: Tensor) -> Tensor:
    """A map of patches (rows, columns, ...) as a list in which the four of a token stand together."""
    rows, columns = grid.shape[:2]
    cut = grid.reshape(rows // MERGE, MERGE, columns // MERGE, MERGE, -1).transpose(1, 2)
    return cut.reshape(rows * columns, -1)


class Eyes(nn.Module):
    """Pictures of one size in (patches, and how many lines of them), a vector for each token out."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.patch = nn.Linear(3 * PATCH * PATCH, shape.width)
        self.position = nn.Parameter(torch.randn(shape.side, shape.side, shape.width) * 0.1)
        layers = [Layer(shape) for _ in range(shape.layers)]
        self.blk = nn.ModuleList(layers)
        self.post_ln = nn.LayerNorm(shape.width, shape.epsilon)
        wide = MERGE * MERGE * shape.width
        self.merge_up = nn.Linear(wide, wide)
        self.merge_down = nn.Linear(wide, shape.into)
        for layer in layers:
            nn.init.zeros_(layer.attn_out.weight)
            nn.init.zeros_(layer.ffn_down.weight)

    def forward(self, x: Tensor, rows: int) -> Tensor:
        columns = x.shape[1] // rows
        grid = self.position.permute(2, 0, 1)[None]
        placed = F.interpolate(grid, (rows, columns), mode="bilinear", align_corners=True)[0].permute(1, 2, 0)
        x = self.patch(x) + in_tokens(placed)
        turn = self._turn(rows, columns)
        for layer in self.blk:
            x = layer(x, turn)
        merged = self.post_ln(x).reshape(x.shape[0], x.shape[1] // MERGE**2, -1)
        found: Tensor = self.merge_down(F.gelu(self.merge_up(merged), approximate="tanh"))
        return found

    def _turn(self, rows: int, columns: int) -> tuple[Tensor, Tensor]:
        """The first half of the pairs turns with the line, the other with the column."""
        steps = 10_000.0 ** (-torch.arange(0, self.shape.head // 2, 2) / (self.shape.head // 2))
        down = torch.arange(rows)[:, None, None] * steps
        across = torch.arange(columns)[None, :, None] * steps
        angles = torch.cat([down.expand(rows, columns, -1), across.expand(rows, columns, -1)], -1)
        angles = in_tokens(angles)
        return angles.cos(), angles.sin()


def export(eyes: Eyes, path: Path, name: str) -> None:
    """Matrices as f16, the rest as f32; the two frames of a film that the first step can take share its weights."""
    shape = eyes.shape
    out = gguf.GGUFWriter(str(path), "clip")
    out.add_type("mmproj")
    out.add_name(name)
    out.add_license("Apache-2.0")
    out.add_description("Trained from nothing on drawn pictures by tools/train_tiny/eyes; knows shapes and colours.")
    out.add_clip_has_vision_encoder(True)
    out.add_clip_projector_type("qwen3vl_merger")
    out.add_vision_use_gelu(True)
    out.add_vision_projection_dim(shape.into)
    out.add_vision_image_size(shape.side * PATCH)
    out.add_vision_patch_size(PATCH)
    out.add_vision_embedding_length(shape.width)
    out.add_vision_feed_forward_length(shape.inner)
    out.add_vision_block_count(shape.layers)
    out.add_vision_head_count(shape.heads)
    out.add_vision_attention_layernorm_eps(shape.epsilon)
    out.add_vision_spatial_merge_size(MERGE)
    out.add_vision_image_mean([0.5] * 3)
    out.add_vision_image_std([0.5] * 3)
    out.add_vision_is_deepstack_layers([False] * shape.layers)
    weights = {key: value.detach().float().numpy() for key, value in eyes.state_dict().items()}
    half = weights.pop("patch.weight").reshape(shape.width, 3, PATCH, PATCH) / 2
    tensors = {
        "v.patch_embd.weight": half,
        "v.patch_embd.weight.1": half,
        "v.patch_embd.bias": weights.pop("patch.bias"),
        "v.position_embd.weight": weights.pop("position").reshape(-1, shape.width),
    }
    renamed = {"merge_up": "mm.0", "merge_down": "mm.2"}
    for key, value in weights.items():
        first, _, rest = key.partition(".")
        tensors[f"{renamed[first]}.{rest}" if first in renamed else f"v.{key}"] = value
    finish(out, {key: as_stored(key, value) for key, value in tensors.items()})


def as_stored(key: str, value: NDArray[np.float32]) -> NDArray[np.generic]:
    matrix = value.ndim >= 2 and "position" not in key
    return value.astype(np.float16 if matrix else np.float32)
