"""What clients have made: pictures, films and music, and the file that must come of each, whoever makes it.

A file is a function of request and seed here too: one that was begun anew elsewhere with another seed is another file.
"""

import random
from dataclasses import dataclass
from hashlib import sha256

from coordinator.media.job import MediaJob
from coordinator.scheduler.media_work import TIMEOUT_S, MediaWork
from coordinator.scheduler.state import JobSpec
from wire.errors import ErrorCode, SupernetError
from wire.media import EditImage, GenerateImage, GenerateMusic, GenerateVideo, Making, MediaOffer, MediaRequest, files
from wire.media_catalog import MediaDefaults, MediaLimits, MediaSpec

PAINTER = MediaSpec(
    id="painter",
    name="Painter",
    tools=("generate_image", "edit_image", "generate_video", "generate_music"),
    pipeline="ZImagePipeline",
    repository="x/painter",
    defaults=MediaDefaults(width=1024, height=1024, steps=8, fps=16, seconds=5),
    limits=MediaLimits(pixels=2**21, frames=200, seconds=60, images=3),
    price=1000,
    licence="MIT",
)
FILE_BYTES = 3_000  # of a file that a request brings
WELL = ("picture", "picture", "wide", "edit", "film", "music")
KINDS = (*WELL, *WELL, "poison", "blocked", "impossible")
ATTEMPTS = 4  # three that failed, and one that was handed back
BLOCKED = SupernetError(ErrorCode.CONTENT_FILTER, "the filter of this network blocked it")


@dataclass(frozen=True)
class Commission:
    """One thing to be made for a client. `poison`: the pipeline dies at this step, whoever runs it; of the kind
    `blocked` is what the operator's filter keeps back, of `impossible` what no pipeline can make."""

    spec: JobSpec
    request: MediaRequest
    kind: str
    poison: int | None = None

    @property
    def made(self) -> str:
        """SHA-256 of the file that must come of it."""
        return sha256(content(self.request.make, self.spec.seed)).hexdigest()

    @property
    def question(self) -> str:
        return f"{self.request.make.prompt}, to be made"  # no chat is called so

    @property
    def bound_s(self) -> float:
        """From submit to its end, whatever happens: some attempts, for each of which it may have waited."""
        work = MediaWork(self.request)
        return ATTEMPTS * (work.queue_wait_s + TIMEOUT_S[self.request.make.tool])


def content(make: Making, seed: int) -> bytes:
    """The file itself."""
    return f"{make.model_dump_json()} {seed}".encode()


def offer(slots: int, edits: bool) -> MediaOffer:
    """Of a pipeline; not every one takes pictures to edit."""
    modes = ("generate_image", "generate_video", "generate_music", *(("edit_image",) if edits else ()))
    return MediaOffer(
        id=PAINTER.id,
        modes=modes,
        slots=slots,
        max_pixels=PAINTER.limits.pixels,
        max_frames=PAINTER.limits.frames,
        max_seconds=PAINTER.limits.seconds,
        max_images=PAINTER.limits.images if edits else 0,
        speed=1.0,
    )


def request(number: int, kind: str, dice: random.Random) -> MediaJob:
    """What a client asks for, perhaps several of it."""
    make, blobs = _making(f"{kind} {number}", kind, dice)
    several = kind in ("picture", "wide", "edit")
    return MediaJob(PAINTER, MediaRequest(make=make), dice.choice((1, 1, 2, 3)) if several else 1, blobs=blobs)


def each(number: int, kind: str, job: MediaJob, dice: random.Random) -> list[Commission]:
    """The jobs of a request: one for each choice, with another seed."""
    found = []
    for choice in range(job.n):
        name = f"m{number}.{choice}"
        seed, account = dice.getrandbits(40), f"account{number % 3}"
        spec = JobSpec(
            name, account, PAINTER.id, job.request, seed, upload_secret=f"only we know {name}", blobs=job.blobs
        )
        poison = dice.randrange(job.request.make.steps) if kind == "poison" else None
        found.append(Commission(spec, job.request, kind, poison))
    return found


def _making(prompt: str, kind: str, dice: random.Random) -> tuple[Making, dict[str, bytes]]:
    steps = dice.randint(4, 20)
    match kind:
        case "edit":
            data = dice.randbytes(FILE_BYTES)
            name = sha256(data).hexdigest()
            return EditImage(prompt=prompt, width=512, height=512, steps=steps, images=(name,)), {name: data}
        case "film":
            return GenerateVideo(prompt=prompt, width=512, height=512, frames=49, fps=16, steps=steps), {}
        case "music":
            return GenerateMusic(prompt=prompt, seconds=dice.randint(1, 30), steps=steps), {}
        case "impossible":
            return GenerateImage(prompt=prompt, width=4096, height=4096, steps=steps), {}
        case "wide":
            return GenerateImage(prompt=prompt, width=2048, height=1024, steps=steps, previews=2), {}
        case _:
            return GenerateImage(prompt=prompt, width=1024, height=1024, steps=steps), {}


def brings(request: MediaRequest) -> frozenset[str]:
    """SHA-256 of the files that are needed for it."""
    return frozenset(files(request.make))
