"""Ask a model with eyes about pictures as a worker does, without a network: read, prepared, answered by its engine."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from tools.tiny_models.pictures import Scene, draw
from wire import chat
from wire.pictures import LOW_TOKENS, PATCH
from worker.bindings.vocab import Vocab
from worker.chat.prepared import Seen
from worker.chat.prompt import prepare
from worker.engine.port import Ended, EngineSpec, Picture, Ready, Stepped, Submit
from worker.engine.process import ProcessEngine
from worker.pictures.decode import decode
from worker.pictures.pipe import File, Pixels

QUESTION = "What colour and shape is it?"
SLOTS, CONTEXT, MOST = 4, 1024, 40
FORMATS = ("PNG", "JPEG", "WEBP")
DRAWN = chat.Sampling()  # at the temperature 1
LIKELIEST = chat.Sampling(temperature=0)


@dataclass(frozen=True)
class Shown:
    """A picture as its client sends it, and as the engine gets it."""

    file: bytes
    picture: Picture


def shown(one: Scene, number: int = 0) -> Shown:
    """The picture of a scene after its way through a file, of one format or another."""
    buffer = BytesIO()
    draw(one).save(buffer, FORMATS[number % len(FORMATS)])
    found = decode(File(buffer.getvalue(), LOW_TOKENS))
    assert isinstance(found, Pixels), found
    picture = Picture(hashlib.sha256(found.rgb).hexdigest(), found.width, found.height, found.rgb)
    return Shown(buffer.getvalue(), picture)


def submit(job: str, vocab: Vocab, one: Shown, question: str, seed: int, sampling: chat.Sampling = DRAWN) -> Submit:
    """A question about one picture, without a thought."""
    image = chat.Image(at=0, sha256=hashlib.sha256(one.file).hexdigest(), size_bytes=len(one.file), most=LOW_TOKENS)
    message = chat.Message(role="user", content=question, images=(image,))
    request = chat.ChatRequest(messages=(message,), thinking=False, max_tokens=MOST, sampling=sampling)
    seen = Seen(one.picture.width // PATCH, one.picture.height // PATCH, one.picture.id)
    ready = prepare(request, (), CONTEXT, vocab, "qwen-xml", seen=(seen,))
    return Submit(job, ready.prompt, MOST, request.sampling, seed, pictures=ready.pictures)


async def answers(
    model: Path,
    projector: Path,
    pictures: Sequence[Shown],
    question: str = QUESTION,
    sampling: chat.Sampling = DRAWN,
) -> list[str]:
    """What the model says of each."""
    vocab = Vocab(str(model))
    engine = ProcessEngine(EngineSpec(str(model), SLOTS, CONTEXT, projector=str(projector), image_tokens=LOW_TOKENS))
    said = [b""] * len(pictures)
    waiting = list(range(len(pictures)))[::-1]
    running = 0
    async for event in engine.events():
        if isinstance(event, Stepped):
            for token in event.tokens:
                said[int(token.job)] += token.piece
        elif isinstance(event, Ended):
            assert event.reason in ("stop", "length"), event
            running -= 1
        elif not isinstance(event, Ready):
            continue
        while waiting and running < SLOTS:
            number = waiting.pop()
            engine.send(pictures[number].picture)
            engine.send(submit(str(number), vocab, pictures[number], question, number, sampling))
            running += 1
        if not running:
            break
    await engine.close()
    return [text.decode(errors="replace") for text in said]


def share(said: Sequence[str], scenes: Sequence[Scene]) -> float:
    """How many answers name what is on the scene in the same place."""
    return sum(one.name in answer for answer, one in zip(said, scenes, strict=True)) / len(scenes)
