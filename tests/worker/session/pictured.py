"""A session that gets requests with pictures, and the pieces of their files as a coordinator sends them."""

from base64 import b64encode
from hashlib import sha256

from tests.worker.session.transcript import M, sent
from wire.blobs import PIECE_BYTES, VISION, Blob, Need
from wire.chat import ChatRequest, Image, Message
from wire.messages import Start, Welcome
from wire.offers import ModelOffer
from wire.pictures import PATCH
from worker.chat.prepared import Prepared, Reading, Seen
from worker.engine import port
from worker.session import effects
from worker.session.served_model import ServedModel
from worker.session.session import Session
from worker.session.slots import Slots

PIXELS = 1_000_000  # of a picture's file
SMALL, LARGE, OTHER = b"small", b"L" * (2 * PIECE_BYTES + 5), b"O" * 1000


def seeing(slots: int = 4, features: tuple[str, ...] = (VISION,)) -> Session:
    offer = ModelOffer(id=M, context=4096, slots=slots, features=features)
    session = Session({M: ServedModel(offer, Slots(slots))})
    session.received(Welcome(session="s1"), 0.0)
    session.engine(M, port.Ready(slots, 4096, 100, image_ms=100.0 if VISION in features else None))
    return session


def image(data: bytes, at: int = 0, most: int = 256) -> Image:
    return Image(at=at, sha256=sha256(data).hexdigest(), size_bytes=len(data), most=most)


def ask(*files: bytes, job: str = "a", attempt: int = 1, images: tuple[Image, ...] = ()) -> Start:
    """A Start of a message with these pictures, the second one of its request."""
    shown = Message(role="user", content="what?", images=tuple(map(image, files)) + images)
    request = ChatRequest(messages=(Message(role="system", content="s"), shown), max_tokens=100)
    return Start(job=job, attempt=attempt, model=M, request=request, seed=7)


def blob(data: bytes, offset: int = 0, of: bytes | None = None) -> Blob:
    """A piece of `data`, said to be of another file."""
    named = data if of is None else of
    part = b64encode(data[offset : offset + PIECE_BYTES]).decode()
    return Blob(sha256=sha256(named).hexdigest(), offset=offset, size_bytes=len(named), data=part)


def pieces(data: bytes, offset: int = 0) -> list[Blob]:
    return [blob(data, at) for at in range(offset, len(data), PIECE_BYTES)]


def send(session: Session, data: bytes, offset: int = 0) -> list[effects.Effect]:
    """What comes of the file's pieces, each of which is of use."""
    found: list[effects.Effect] = []
    for part in pieces(data, offset):
        assert session.useless(part) == 0.0
        found += session.received(part, 0.0)
    return found


def needs(found: list[effects.Effect]) -> list[tuple[str, list[tuple[str, int]]]]:
    """Who asks for what from where on, each file by the first letter of its content."""
    names = {sha256(data).hexdigest(): chr(data[0]) for data in (SMALL, LARGE, OTHER)}
    return [
        (frame.job, [(names[wanted.sha256], wanted.offset) for wanted in frame.files])
        for frame in sent(found)
        if isinstance(frame, Need)
    ]


def reading(found: list[effects.Effect]) -> effects.ReadPictures:
    (effect,) = [effect for effect in found if isinstance(effect, effects.ReadPictures)]
    return effect


def picture(name: str = "p", columns: int = 2, rows: int = 1) -> port.Picture:
    return port.Picture(name, columns * PATCH, rows * PATCH, b"\0" * (3 * columns * rows * PATCH * PATCH))


def prepared(*seen: Seen) -> Prepared:
    return Prepared((1,) * 100, (), Reading(format="qwen-json"), pictures=tuple(
        port.Placed(10 * n, one.columns, one.rows, one.digest) for n, one in enumerate(seen)
    ))  # fmt: skip
