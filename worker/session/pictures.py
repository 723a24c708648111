"""The way of an attempt's pictures into the engine: their files are asked for, read, and shown to it; then the request
is prepared as any other.

An attempt on this way has not been accepted. When its line is lost it is begun anew elsewhere, or here, where the files
that came are still known, and the one that was on its way goes on where it stopped.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from wire.blobs import Blob, Need
from wire.chat import Image
from wire.errors import ErrorCode, SupernetError
from wire.pictures import MAX_PIXELS, PATCH, fault_together
from worker.chat.pictures import of_tools, pictures_of, without
from worker.chat.prepared import Seen
from worker.engine import port
from worker.session.blobs import Blobs, File
from worker.session.effects import Command, Effect, PictureFile, Prepare, ReadPictures
from worker.session.line import Line
from worker.session.slots import JobKey

SILENT_S = 30.0  # without a piece of any file: a piece takes 2 s of a line of 1 Mbit/s
DAMAGED_PIXELS = MAX_PIXELS // 4  # what a file that cannot be read is taken for: it took its time too

Refuse = Callable[[JobKey, SupernetError], list[Effect]]


@dataclass(eq=False)
class _Unread:
    """An attempt that waits for its pictures. `prepare` is what comes then."""

    prepare: Prepare
    images: tuple[Image, ...]
    files: tuple[File, ...]  # each once, in their order
    reading: ReadPictures | None = None
    seen: dict[tuple[str, int], Seen | None] = field(default_factory=dict)  # by file and most tokens; None: unreadable
    said: tuple[str, ...] = ()  # for the client, of those
    pixels: int = 0  # of the files that were read, or could not be
    cancelled: bool = False


class Pictures:
    """The attempts whose pictures are not all read. `refuse` ends one of them.

    Each method returns the effects, in their order.
    """

    def __init__(self, line: Line, refuse: Refuse) -> None:
        self._line = line
        self._refuse = refuse
        self.blobs = Blobs()
        self._unread: dict[JobKey, _Unread] = {}
        self._silent_since: float | None = None

    # ---- files -------------------------------------------------------------------------------------------------------

    def prepare(self, prepare: Prepare) -> list[Effect]:
        """Have the request prepared; if it has pictures, once they are read.

        Each attempt asks for all that it lacks: a coordinator that is sending a file sends it no second time, but knows
        now who waits for it.
        """
        images = pictures_of(prepare.request)
        if not images:
            return [prepare]
        files = tuple(dict.fromkeys(File(image.sha256, image.size_bytes) for image in images))
        if not self.blobs.claim(files):
            return self._refuse(prepare.key, _elsewhere("there is no room for more pictures"))
        unread = self._unread[prepare.key] = _Unread(prepare, images, files)
        lacking = self.blobs.lacking(files)
        if not lacking:
            return self._read(unread)
        wanted = tuple(map(self.blobs.wanted, lacking))
        return self._line.send(Need(job=prepare.key.job, attempt=prepare.key.attempt, files=wanted))

    def arrived(self, blob: Blob) -> list[Effect]:
        """Take a piece of a file, and read the pictures of those who have all of theirs now."""
        if not self.blobs.wants(blob):
            return []
        self._silent_since = None
        file = File(blob.sha256, blob.size_bytes)
        whole = self.blobs.take(blob)
        if whole is None:
            return []
        waiting = [unread for unread in self._unread.values() if file in unread.files and not unread.reading]
        if not whole:
            return self._end(waiting, _elsewhere("a picture was spoiled on its way"))
        ready = [unread for unread in waiting if not self.blobs.lacking(unread.files)]
        return [effect for unread in ready for effect in self._read(unread)]

    def tick(self, now: float) -> list[Effect]:
        """Refuse those whose files do not come."""
        if all(unread.reading for unread in self._unread.values()):
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = now
        elif now - self._silent_since >= SILENT_S:
            return self.hand_back(_elsewhere("the pictures of the request do not come"))
        return []

    def hand_back(self, why: SupernetError) -> list[Effect]:
        """Refuse all whose files have not come."""
        return self._end([unread for unread in self._unread.values() if not unread.reading], why)

    def _end(self, ended: list[_Unread], why: SupernetError) -> list[Effect]:
        return [effect for unread in ended for effect in self._refuse(unread.prepare.key, why)]

    # ---- pixels ------------------------------------------------------------------------------------------------------

    def _read(self, unread: _Unread) -> list[Effect]:
        prepare = unread.prepare
        distinct = dict.fromkeys((File(image.sha256, image.size_bytes), image.most) for image in unread.images)
        files = tuple(PictureFile(file.sha256, most, self.blobs.read(file)) for file, most in distinct)
        unread.reading = ReadPictures(prepare.key, prepare.model, files)
        return [unread.reading]

    def reads(self, effect: ReadPictures) -> bool:
        """Whether the answers to this effect are still waited for."""
        unread = self._unread.get(effect.key)
        return unread is not None and unread.reading is effect

    def picture_read(self, effect: ReadPictures, picture: port.Picture, in_file: int) -> list[Effect]:
        """The next file of the effect, which has so many pixels, is a picture: show it to the engine. Behind the last
        one the request is prepared.

        They are shown here, and not all at once before the Submit: each is a line of 4 MB, and what streams goes on
        between two.
        """
        if not self.reads(effect):
            return []
        unread = self._unread[effect.key]
        unread.pixels += in_file
        if wrong := fault_together(unread.pixels):
            return self._refuse_one(unread, self._places(unread, effect)[0], wrong)
        seen = Seen(picture.width // PATCH, picture.height // PATCH, picture.id)
        return self._next(unread, effect, seen, [Command(effect.model, picture)])

    def picture_failed(self, effect: ReadPictures, error: SupernetError) -> list[Effect]:
        """The next file of the effect cannot be read: refuse the attempt, and say which picture it is. But a tool's
        choice ends no conversation, which would bring it again with each turn: the model is shown words in its place.
        """
        if not self.reads(effect):
            return []
        unread = self._unread[effect.key]
        if error.code is not ErrorCode.INVALID_REQUEST:
            return self._refuse(effect.key, error)
        places, tools = self._places(unread, effect), of_tools(unread.prepare.request)
        unread.pixels += DAMAGED_PIXELS
        blamed = [number for number in places if not tools[number] or fault_together(unread.pixels)]
        if blamed:
            return self._refuse_one(unread, blamed[0], error.message)
        said = f"picture {places[0] + 1} of the request, in a tool's result, was left out: it {error.message}."
        unread.said += (said,)
        return self._next(unread, effect, None, [])

    def _places(self, unread: _Unread, effect: ReadPictures) -> list[int]:
        """The numbers of the request's pictures that the next file of the effect is."""
        file = effect.files[len(unread.seen)]
        return [n for n, one in enumerate(unread.images) if (one.sha256, one.most) == (file.sha256, file.most)]

    def _refuse_one(self, unread: _Unread, number: int, why: str) -> list[Effect]:
        error = SupernetError(ErrorCode.INVALID_REQUEST, f"The picture {why}.", param=f"images[{number}]")
        return self._refuse(unread.prepare.key, error)

    def _next(self, unread: _Unread, effect: ReadPictures, seen: Seen | None, shown: list[Effect]) -> list[Effect]:
        """A file is done with; behind the last one the request is prepared."""
        if unread.cancelled:
            return self._refuse(effect.key, _elsewhere("cancelled"))
        file = effect.files[len(unread.seen)]
        unread.seen[file.sha256, file.most] = seen
        if len(unread.seen) < len(effect.files):
            return shown
        self.forget(effect.key)
        found = [unread.seen[one.sha256, one.most] for one in unread.images]
        unreadable = {name for name, one in unread.seen.items() if one is None}
        request = without(unread.prepare.request, unreadable) if unreadable else unread.prepare.request
        readable = tuple(one for one in found if one is not None)
        return [*shown, replace(unread.prepare, request=request, seen=readable, said=unread.said)]

    # ---- its end -----------------------------------------------------------------------------------------------------

    def cancel(self, key: JobKey) -> bool:
        """Nobody wants the attempt any more. True: nothing was under way for it that will be answered, and it is
        forgotten."""
        unread = self._unread.get(key)
        if unread is None:
            return False
        unread.cancelled = True
        if unread.reading is None:
            self.forget(key)
        return unread.reading is None

    def forget(self, key: JobKey) -> None:
        """The attempt has ended, or goes on without us. What came of its files is kept."""
        if (unread := self._unread.pop(key, None)) is not None:
            self.blobs.release(unread.files)


def _elsewhere(why: str) -> SupernetError:
    return SupernetError(ErrorCode.WORKER_BUSY, f"{why}: try another worker")
