"""A session as a transcript: frames and engine events in, effects out. No socket, no clock, no engine."""

from typing import Any

from pydantic import BaseModel

from wire.chat import ChatRequest, Message
from wire.messages import Start, Welcome
from wire.offers import ModelOffer
from worker.chat.prepared import Prepared, Reading
from worker.engine import port
from worker.session import effects
from worker.session.served_model import ServedModel
from worker.session.session import Session
from worker.session.slots import JobKey, Slots

M = "tiny"
REQUEST = ChatRequest(messages=(Message(role="user", content="hi"),), max_tokens=100)


def make(slots: int = 2, window: int = 512, ready: bool = True) -> Session:
    offer = ModelOffer(id=M, context=64, slots=slots)
    session = Session({M: ServedModel(offer, Slots(slots))})
    session.received(Welcome(session="s1", window_tokens=window), 0.0)
    if ready:
        session.engine(M, port.Ready(slots, 64, 100))
    return session


def start(job: str = "a", attempt: int = 1, delivered: tuple[int, ...] = ()) -> Start:
    return Start(job=job, attempt=attempt, model=M, request=REQUEST, seed=7, delivered=delivered)


def prepared(stop: tuple[str, ...] = (), delivered: tuple[bytes, ...] = ()) -> Prepared:
    return Prepared((1, 2, 3), (), Reading(format="qwen-json", stop=stop), delivered)


def run(session: Session, job: str = "a", **made: Any) -> list[effects.Effect]:
    """Start a job and get it as far as the engine."""
    session.received(start(job), 0.0)
    return session.prepared(JobKey(job, 1), prepared(**made))


def stepped(job: str, *pieces: str, first: int = 10) -> list[port.Stepped]:
    return [port.Stepped((port.Token(f"{job}.1", first + n, p.encode()),)) for n, p in enumerate(pieces)]


def sent(found: list[effects.Effect]) -> list[BaseModel]:
    return [effect.message for effect in found if isinstance(effect, effects.Send)]


def types(found: list[effects.Effect]) -> list[str]:
    return [message.type for message in sent(found)]  # type: ignore[attr-defined]


def commands(found: list[effects.Effect]) -> list[port.Command]:
    return [effect.command for effect in found if isinstance(effect, effects.Command)]


def content(found: list[effects.Effect]) -> str:
    deltas = [message for message in sent(found) if getattr(message, "type", "") == "deltas"]
    return "".join(part.text for d in deltas for item in d.items for part in item.parts)  # type: ignore[attr-defined]
