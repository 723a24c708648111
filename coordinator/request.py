"""What a client asked for, read and resolved: what money, limits and dispatch know of a request, whoever worded it."""

from dataclasses import dataclass
from typing import Literal

from wire.catalog import ModelSpec
from wire.chat import ChatRequest

TokenType = Literal["auto", "spark", "sogni"]


@dataclass(frozen=True)
class ChatJob:
    """One HTTP request, resolved. `request` is the same for all `n` choices; `seed` None: the coordinator draws one."""

    model: ModelSpec
    request: ChatRequest
    n: int
    seed: int | None
    stream: bool
    include_usage: bool
    continuous_usage: bool
    token_type: TokenType
    user: str | None
    metadata: dict[str, str]
