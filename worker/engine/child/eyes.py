"""Pictures on their way into jobs: kept as pixels while a job may need them, encoded beside the loop, kept as vectors.

A job waits in the queue until its next picture is encoded, and holds no sequence meanwhile. Where the cache holds the
picture's rows already, as in the second turn of a chat, nothing is encoded.
"""

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wire.errors import ErrorCode, SupernetError
from wire.pictures import MAX_PICTURES, PATCH
from worker.bindings.encoder import Encoded, Encoder, Stopped, failed
from worker.engine.child.gate import SHARE, Gate
from worker.engine.port import EngineSpec, Picture, Placed

MOST_PIXEL_BYTES = 256 << 20  # 85 pictures of 1,024 x 1,024, beside what the jobs in all slots may need
MOST_VECTOR_BYTES = 256 << 20  # 32 pictures of 1,024 tokens, for a model of 2,048 numbers a vector
# Encodes that are queued, under way or not yet read: else those of all waiting jobs, 20 each, would fill the memory
# with vectors, and keep the first picture of the next job waiting behind all of them.
MOST_AHEAD = 16
LIMIT_S = 60.0  # of one encode; a GPU takes less than one

Vectors = NDArray[np.float32]


@dataclass
class _Encode:
    """One encode, queued or under way."""

    future: Future[Encoded]
    unwanted: threading.Event


class Eyes:
    """The pictures of an engine's jobs. Of the engine's thread alone; `wake` is called from another when one is ready.

    Without an `encoder` the model takes text only, and jobs with pictures are refused.
    """

    def __init__(
        self, encoder: Encoder | None, spec: EngineSpec, clock: Callable[[], float], wake: Callable[[], None]
    ) -> None:
        self._encoder, self._clock, self._wake = encoder, clock, wake
        self._thread = ThreadPoolExecutor(1, "eyes") if encoder else None
        self._gate = Gate(SHARE * spec.longest_stall_ms / 1000, clock)
        # a job that has a slot is not sent away for want of room: its worker would be blamed for what clients ask
        of_all_slots = spec.slots * MAX_PICTURES * spec.image_tokens * 3 * PATCH**2
        self._most_pixel_bytes = MOST_PIXEL_BYTES + of_all_slots
        self._shown: OrderedDict[str, Picture] = OrderedDict()  # the one that was shown or named last is last
        self._jobs: Counter[str] = Counter()  # how many name a picture
        self._encodes: dict[str, _Encode] = {}
        self._vectors: OrderedDict[str, Encoded] = OrderedDict()  # the one that was read last is last
        self.encoded = 0  # pictures so far
        self.encode_s = 0.0  # that encodes have taken, waits at the gate and those that came to nothing included

    # ---- pixels ------------------------------------------------------------------------------------------------------

    def show(self, picture: Picture) -> None:
        """Keep a picture for jobs to come; those that no job names make room for it, the oldest first."""
        self._shown.setdefault(picture.id, picture)
        self._shown.move_to_end(picture.id)
        total = sum(len(one.rgb) for one in self._shown.values())
        for name in [name for name in self._shown if not self._jobs[name]]:
            if total > self._most_pixel_bytes:
                total -= len(self._shown.pop(name).rgb)

    def claim(self, pictures: Sequence[Placed]) -> None:
        """A job names these: they stay until it releases them. Raises SupernetError if one is not there."""
        if pictures and not self._encoder:
            raise SupernetError(ErrorCode.INVALID_REQUEST, "this model takes text only")
        if any(one.digest not in self._shown for one in pictures):
            raise SupernetError(ErrorCode.WORKER_BUSY, "there is no room for the pictures: try another worker")
        self._jobs.update(one.digest for one in pictures)

    def release(self, pictures: Sequence[Placed]) -> None:
        """A job that claimed these has ended; an encode that nobody else waits for is given up."""
        self._jobs.subtract(one.digest for one in pictures)
        for one in pictures:
            if self._jobs[one.digest] <= 0:
                del self._jobs[one.digest]
                if encode := self._encodes.pop(one.digest, None):
                    encode.unwanted.set()
                    encode.future.cancel()
                    self._gate.wake()

    # ---- vectors -----------------------------------------------------------------------------------------------------

    def ready(self, pictures: Sequence[Placed], cached: int) -> bool:
        """Whether a job can begin whose first `cached` rows need not be computed. The pictures behind are encoded, in
        their order and some ahead, and it can begin with the first of them."""
        ahead = [one for one in pictures if one.end > cached]
        for number, one in enumerate(ahead):
            if not number or len(self._encodes) < MOST_AHEAD:
                self._encode(one.digest)
        return not ahead or self._done(ahead[0].digest)

    def vectors(self, placed: Placed) -> Vectors | None:
        """The vectors of a claimed picture, a row each; None: they are being made. Raises SupernetError if that failed,
        and tries again when asked again."""
        self._encode(placed.digest)
        if not self._done(placed.digest):
            return None
        if encode := self._encodes.pop(placed.digest, None):
            self._keep(placed.digest, _result(encode.future))
        found = self._vectors[placed.digest]
        self._vectors.move_to_end(placed.digest)
        if found.columns != placed.columns or len(found.vectors) != placed.columns * placed.rows:
            lines = len(found.vectors) // found.columns
            raise failed(f"it has {found.columns} x {lines} tokens, and not {placed.columns} x {placed.rows}")
        return found.vectors

    def _done(self, digest: str) -> bool:
        return digest in self._vectors or self._encodes[digest].future.done()

    def _encode(self, digest: str) -> None:
        """Have it encoded, unless that is done or under way."""
        if digest in self._vectors or digest in self._encodes or not self._thread:
            return
        unwanted = threading.Event()
        future = self._thread.submit(self._in_thread, self._shown[digest], unwanted)
        self._encodes[digest] = _Encode(future, unwanted)
        future.add_done_callback(lambda _: self._wake())

    def _in_thread(self, picture: Picture, unwanted: threading.Event) -> Encoded:
        assert self._encoder
        began = self._clock()
        self._gate.begin()

        def go_on() -> bool:
            return self._gate.passes(lambda: not unwanted.is_set() and self._clock() < began + LIMIT_S)

        try:
            return self._encoder.encode(picture.width, picture.height, picture.rgb, go_on)
        finally:
            self.encode_s += self._clock() - began

    def _keep(self, digest: str, found: Encoded) -> None:
        self.encoded += 1
        self._vectors[digest] = found
        total = sum(one.vectors.nbytes for one in self._vectors.values())
        while total > MOST_VECTOR_BYTES and len(self._vectors) > 1:
            total -= self._vectors.popitem(last=False)[1].vectors.nbytes

    @property
    def kept(self) -> int:
        """Pictures that need no encode if they come again."""
        return len(self._vectors)

    def turn(self, streams: bool) -> None:
        """A step begins: with streams in it, the encoder gets no more than its share."""
        if self._thread:
            self._gate.turn(streams)

    def close(self) -> None:
        """End the thread; the encode in hand is given up behind its next layer. The encoder may be closed after it."""
        for encode in self._encodes.values():
            encode.unwanted.set()
        self._gate.turn(streams=False)
        if self._thread:
            self._thread.shutdown(wait=True, cancel_futures=True)


def _result(future: Future[Encoded]) -> Encoded:
    try:
        return future.result()
    except Stopped:
        raise failed(f"it takes longer than {LIMIT_S:.0f} s") from None
