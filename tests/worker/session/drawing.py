"""A session that makes media, as a transcript: the frames of a coordinator, and the events of a pipeline."""

from base64 import b64encode
from hashlib import sha256
from typing import Any

from tests.worker.session.transcript import M
from wire.blobs import PIECE_BYTES, Blob
from wire.media import EditImage, GenerateImage, Making, MediaOffer, MediaRequest, Upload
from wire.messages import Start, Welcome
from wire.offers import ModelOffer
from worker.engine import port as chat_port
from worker.media_engine import port
from worker.session import effects
from worker.session.served_media import ServedMedia
from worker.session.served_model import ServedModel
from worker.session.session import Session
from worker.session.slots import Slots

P = "painter"
OFFER = MediaOffer(id=P, modes=("generate_image", "edit_image"), max_pixels=1024 * 1024, max_images=3)
READY = port.Ready(("generate_image", "edit_image"), 0, 1024 * 1024, 0, 0, 3)
MAKE = GenerateImage(prompt="a fox", width=64, height=64, steps=8)
UPLOAD = Upload(token="t" * 43, limit_bytes=1000)
SMALL, LARGE = b"small", b"L" * (2 * PIECE_BYTES + 5)


def drawing(slots: int = 1, chat: bool = False, ready: bool = True) -> Session:
    """A session with a pipeline, and with a chat's model beside it if wanted."""
    models = {M: ServedModel(ModelOffer(id=M, context=64, slots=2), Slots(2))} if chat else {}
    offer = OFFER.model_copy(update={"slots": slots})
    session = Session(models, {P: ServedMedia(offer, Slots(slots))})
    session.received(Welcome(session="s1"), 0.0)
    if chat:
        session.engine(M, chat_port.Ready(2, 64, 100))
    if ready:
        session.engine(P, READY)
    return session


def picture(job: str = "p", attempt: int = 1, make: Making = MAKE, upload: Upload | None = UPLOAD) -> Start:
    return Start(job=job, attempt=attempt, model=P, request=MediaRequest(make=make), seed=7, upload=upload)


def edit(*files: bytes, job: str = "p", attempt: int = 1) -> Start:
    """A Start of a picture that is made from these."""
    images = tuple(sha256(data).hexdigest() for data in files)
    return picture(job, attempt, EditImage(prompt="bluer", width=64, height=64, steps=8, images=images))


def blobs(data: bytes, of: bytes | None = None) -> list[Blob]:
    """The pieces of a file, said to be of another one."""
    name = sha256(data if of is None else of).hexdigest()
    return [
        Blob(sha256=name, offset=at, size_bytes=len(data), data=b64encode(data[at : at + PIECE_BYTES]).decode())
        for at in range(0, len(data), PIECE_BYTES)
    ]


def progress(step: int = 1, job: str = "p", **more: Any) -> port.Progress:
    return port.Progress(f"{job}.1", "denoising", step, 8, **more)


def made(job: str = "p", size: int = 100) -> port.Made:
    return port.Made(f"{job}.1", f"/scratch/{job}/made.png", "image/png", "0" * 64, size)


def drawn(session: Session, job: str = "p", size: int = 100) -> list[effects.Effect]:
    """Have the engine end a job with a file."""
    session.engine(P, made(job, size))
    return session.engine(P, port.Ended(f"{job}.1", "done", seconds=1.0))


def of_media(found: list[effects.Effect]) -> list[effects.Effect]:
    """Those of the effects that are about media alone."""
    return [effect for effect in found if isinstance(effect, effects.OfMedia)]
