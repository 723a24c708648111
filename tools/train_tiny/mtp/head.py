"""The prediction head of qwen35 in plain torch, computed as llama.cpp does (src/models/qwen35.cpp, graph_mtp)."""

import torch
from torch import Tensor, nn

from tools.train_tiny.eyes.hybrid import Hybrid, Layer, Shape


class Head(nn.Module):
    """One more layer, whose row is a token and the hidden state of the row before it; what comes out is the hidden
    state of a row of its own. The table of tokens is the model's."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.eh_proj = nn.Linear(2 * shape.width, shape.width, bias=False)
        self.enorm = nn.RMSNorm(shape.width, shape.epsilon)
        self.hnorm = nn.RMSNorm(shape.width, shape.epsilon)
        self.layer = Layer(shape, attends=True)
        self.shared_head_norm = nn.RMSNorm(shape.width, shape.epsilon)
        nn.init.constant_(self.shared_head_norm.weight, 0.1)
        for name, weight in self.named_parameters():
            if name.endswith(("attn_output.weight", "ffn_down.weight")):
                nn.init.zeros_(weight)
            elif weight.ndim == 2:
                nn.init.normal_(weight, std=weight.shape[1] ** -0.5)

    def forward(self, tokens: Tensor, before: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        x = self.eh_proj(torch.cat([self.enorm(tokens), self.hnorm(before)], -1))
        found: Tensor = self.shared_head_norm(self.layer(x, turn))
        return found


def shifted(hidden: Tensor) -> Tensor:
    """The hidden state of the row before each; none before the first."""
    return nn.functional.pad(hidden[:, :-1], (0, 0, 1, 0))


def foreseen(net: Hybrid, head: Head, ids: Tensor, hidden: Tensor, depth: int) -> list[Tensor]:
    """What the head makes of each row: from the model's hidden states, from its own of that, and so on, `depth` times.
    The model learns nothing from it."""
    tokens = net.token_embd(ids).detach()
    turn = net.turn(positions(ids))
    found, before = [], hidden.detach()
    for _ in range(depth):
        before = head(tokens, shifted(before), turn)
        found.append(before)
    return found


def positions(ids: Tensor) -> Tensor:
    """Of a text: in time, line and column alike."""
    return torch.arange(ids.shape[1]).expand(ids.shape[0], 3, -1)
