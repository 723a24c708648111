"""What dispatch, fairness and placement ask of a request, whatever its kind: one class for each kind, in one table.

A kind that gives no tokens (media: media_work.py) answers `tokens` 0 and has no prefixes. Nothing more is needed for it
to begin anew elsewhere: the next worker is told the tokens that were delivered, and there are none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from coordinator.scheduler import fairness
from coordinator.scheduler.media_work import MediaWork
from coordinator.scheduler.placement import Candidate, expected_s
from coordinator.scheduler.prefix_affinity import PromptPrefixes, prompt_prefixes
from wire.blobs import VISION
from wire.chat import ChatRequest
from wire.media import MediaOffer, MediaRequest
from wire.offers import ModelOffer
from wire.request import Request


@dataclass
class PromptCount:
    """How many tokens a request's prompt has at most: no worker is believed more. `most` is what experience says of its
    text, until the prompt has been counted: outside of dispatch, while a worker reads it."""

    most: int = 2**31
    counted: bool = False


class Work(Protocol):
    """One request as work to be placed, shared out and watched."""

    @property
    def prefixes(self) -> PromptPrefixes:
        """The beginnings of its prompt, and its length; empty where it has none that a worker could have read."""
        ...

    @property
    def needs(self) -> frozenset[str]:
        """Features that a worker's offer must have for it."""
        ...

    @property
    def size(self) -> tuple[int, ...]:
        """How large an offer must be for it, beside the context for its prompt: of two requests of a model, one that
        is at least as large in each fits nowhere that the other does not."""
        ...

    @property
    def queue_wait_s(self) -> float | None:
        """How long it may wait for a slot; None: as long as the operator says."""
        ...

    @property
    def tokens(self) -> int:
        """The most that its answer may have; 0 if its answer is not made of tokens."""
        ...

    @property
    def top_logprobs(self) -> int | None:
        """How many alternatives it wants beside each token; None: no logprobs at all."""
        ...

    def lacks(self, offer: ModelOffer | MediaOffer) -> str | None:
        """Why it cannot be done where this is offered, for people; None: it can. Slots and contexts apart."""
        ...

    def cost(self, prompt: int, completion: int) -> float:
        """What the account is charged for it, once a worker has read `prompt` tokens and given `completion`.

        Counters are of one model, so the unit is the kind's own: for chat a token of the completion.
        """
        ...

    def seconds(self, candidate: Candidate, answer: float) -> float:
        """How long the worker would take at the load it would then have. `answer`: tokens to be expected."""
        ...


@dataclass(frozen=True)
class ChatWork:
    """A prompt that is read, and an answer that comes token by token and goes on elsewhere from any of them."""

    request: ChatRequest
    prefixes: PromptPrefixes
    needs: frozenset[str] = frozenset()
    size: tuple[int, ...] = ()
    queue_wait_s: float | None = None

    @property
    def tokens(self) -> int:
        return self.request.max_tokens

    @property
    def top_logprobs(self) -> int | None:
        return self.request.sampling.top_logprobs

    def lacks(self, offer: ModelOffer | MediaOffer) -> str | None:
        if not isinstance(offer, ModelOffer):
            return "it does not chat"
        return None if self.needs.issubset(offer.features) else "it sees no pictures"

    def cost(self, prompt: int, completion: int) -> float:
        return fairness.cost(prompt, completion)

    def seconds(self, candidate: Candidate, answer: float) -> float:
        return expected_s(candidate, self.prefixes.total, answer)


def _media(request: MediaRequest, account: str, session: str) -> MediaWork:
    return MediaWork(request)


def _chat(request: ChatRequest, account: str, session: str) -> ChatWork:
    sees = any(message.images for message in request.messages)
    return ChatWork(request, prompt_prefixes(request, account, session), frozenset({VISION} if sees else ()))


# kind -> what makes work of a request, with the account that asked and the client's name for the conversation
KINDS: dict[str, Callable[[Any, str, str], Work]] = {"chat": _chat, "media": _media}


def work(request: Request, account: str, session: str = "") -> Work:
    """The request as work. A kind that is not in KINDS is a bug: the coordinator builds every request itself."""
    return KINDS[request.kind](request, account, session)
