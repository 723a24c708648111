"""A film or a sound, decoded whole and written into a new container without metadata and foreign streams. Runs in a
process of its own (child.py)."""

from dataclasses import dataclass
from fractions import Fraction
from importlib import import_module
from io import SEEK_END
from pkgutil import walk_packages
from typing import BinaryIO

import av
from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.stream import Stream
from av.video.frame import VideoFrame

from coordinator.artefacts.facts import Facts
from coordinator.artefacts.strip import Damaged

CONTAINERS = {  # read and written
    "video/mp4": "mp4",
    "audio/mp4": "ipod",  # an MP4 of sound alone, with the brand of an M4A; its reader is that of all MP4s
    "audio/mpeg": "mp3",
    "audio/flac": "flac",
    "audio/wav": "wav",
}
READERS = CONTAINERS | {"audio/mp4": "mp4"}
CODECS = {
    "video/mp4": frozenset({"h264", "hevc", "av1", "vp9", "mpeg4", "aac", "mp3", "opus", "flac", "alac"}),
    "audio/mp4": frozenset({"aac", "alac"}),
    "audio/mpeg": frozenset({"mp3", "mp3float"}),
    "audio/flac": frozenset({"flac"}),
    "audio/wav": frozenset({"pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le"}),
}
MAX_PIXELS = 4096 * 4096  # a frame
MAX_FRAMES = 18_000  # ten minutes at 30 a second
MAX_SECONDS = 3600.0
MAX_CHANNELS = 8
av.logging.set_level(None)
for _module in walk_packages(av.__path__, "av."):  # it loads its parts as it needs them; who decodes may open no file
    if not _module.name.endswith("__main__"):
        import_module(_module.name)


@dataclass
class _Seen:
    """What has been decoded so far."""

    width: int = 0
    height: int = 0
    frames: int = 0
    first: float = 0.0
    last: float = 0.0
    samples: int = 0
    rate: int = 1

    def film(self, frame: VideoFrame) -> None:
        if frame.width * frame.height > MAX_PIXELS:
            raise Damaged(f"has frames of {frame.width} x {frame.height}: at most {MAX_PIXELS:,} pixels are taken")
        if self.frames and (frame.width, frame.height) != (self.width, self.height):
            raise Damaged("changes its size on the way")
        self.width, self.height = frame.width, frame.height
        self.last = float(frame.time or 0.0)
        self.first = self.first if self.frames else self.last
        self.frames += 1
        if self.frames > MAX_FRAMES:
            raise Damaged(f"has more than {MAX_FRAMES:,} frames")

    def sound(self, frame: AudioFrame) -> None:
        self.samples += frame.samples
        self.rate = frame.sample_rate or 1
        if self.samples > MAX_SECONDS * self.rate or self.rate < 1000:
            raise Damaged(f"is longer than {MAX_SECONDS:.0f} seconds")


def rewrite(source: BinaryIO, media_type: str, into: BinaryIO) -> Facts:
    """Write the film or sound that is in `source` and nothing beside it. Raises Damaged."""
    if READERS[media_type] == "mp4":
        _check_boxes(source)
    try:
        with av.open(source, "r", format=READERS[media_type], metadata_errors="ignore") as given:
            streams = _streams(given, media_type)
            seen = _copied(given, streams, media_type, into)
            rate = next((stream.average_rate for stream in streams if stream.type == "video"), None)
    except (av.FFmpegError, ValueError, OverflowError) as error:
        if isinstance(error, Damaged):
            raise
        raise Damaged(f"is damaged or cut off ({type(error).__name__})") from None
    return _facts(seen, media_type, rate)


def _check_boxes(source: BinaryIO) -> None:
    """Raises Damaged unless the file is boxes to its end, all whole: FFmpeg makes do with less."""
    size, at = source.seek(0, SEEK_END), 0
    while at < size:
        source.seek(at)
        head = source.read(16)
        length = int.from_bytes(head[:4])
        if length == 1:
            length = int.from_bytes(head[8:16])
        elif length == 0:  # the last box may go on to the end
            length = size - at
        if len(head) < 8 or length < 8 or at + length > size:
            raise Damaged("is cut off, or has something behind its end")
        at += length
    source.seek(0)


def _streams(given: InputContainer, media_type: str) -> list[Stream]:
    """Its film and its sound, of the codecs that are taken. What else is in it stays behind."""
    films = [stream for stream in given.streams.video if not _attached(stream)] if media_type == "video/mp4" else []
    sounds = list(given.streams.audio)[:1]
    if media_type == "video/mp4" and len(films) != 1:
        raise Damaged(f"has {len(films)} films in it, and one is wanted")
    if media_type != "video/mp4" and not sounds:
        raise Damaged("has no sound in it")
    for stream in (*films, *sounds):
        context = stream.codec_context
        if context.name not in CODECS[media_type] and context.codec.canonical_name not in CODECS[media_type]:
            raise Damaged(f"is of the codec {context.name!r}, which is not taken")
        context.thread_count = 1  # no thread may be started here
    for stream in films:
        if stream.width * stream.height > MAX_PIXELS:
            raise Damaged(f"is {stream.width} x {stream.height}: at most {MAX_PIXELS:,} pixels a frame are taken")
    for stream in sounds:
        if stream.channels > MAX_CHANNELS:
            raise Damaged(f"has {stream.channels} channels: at most {MAX_CHANNELS} are taken")
    return [*films, *sounds]


def _attached(stream: Stream) -> bool:
    """Whether it is a cover, and no film."""
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _copied(given: InputContainer, streams: list[Stream], media_type: str, into: BinaryIO) -> _Seen:
    """Decode every packet, and put it into the new container as it is."""
    seen = _Seen()
    with av.open(into, "w", format=CONTAINERS[media_type], options={"fflags": "+bitexact"}) as made:
        copies = {stream.index: made.add_stream_from_template(stream) for stream in streams}
        for packet in given.demux(*streams):
            if packet.is_corrupt:
                raise Damaged("is damaged on the way")
            for frame in packet.decode():
                if isinstance(frame, VideoFrame):
                    seen.film(frame)
                elif isinstance(frame, AudioFrame):
                    seen.sound(frame)
            if packet.dts is not None:  # the last one only empties the decoder
                packet.stream = copies[packet.stream.index]
                made.mux(packet)
    return seen


def _facts(seen: _Seen, media_type: str, rate: Fraction | None) -> Facts:
    if media_type != "video/mp4":
        if not seen.samples:
            raise Damaged("has no sound in it")
        return Facts(media_type, seconds=seen.samples / seen.rate)
    if not seen.frames:
        raise Damaged("has no frame that can be shown")
    fps = (seen.frames - 1) / (seen.last - seen.first) if seen.last > seen.first else float(rate or 1)
    return Facts(media_type, seen.width, seen.height, seen.frames, fps, seen.frames / fps)
