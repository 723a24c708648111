"""By what a making is sold: its units, known before it is begun. The price of one is MediaSpec.price."""

from wire.media import EditImage, GenerateImage, GenerateMusic, Making, pixels

MEGAPIXEL = 2**20


def units(make: Making) -> int:
    """Started megapixels of a picture; of a film those of a frame for each started second; seconds of music."""
    if isinstance(make, GenerateMusic):
        return make.seconds
    megapixels = _started(pixels(make), MEGAPIXEL)
    if isinstance(make, GenerateImage | EditImage):
        return megapixels
    return megapixels * film_seconds(make.frames, make.fps)


def film_seconds(frames: int, fps: int) -> int:
    """Started seconds of a film, one at least. Its first frame takes no time: pipelines make a multiple of four or
    eight frames and one more, so 121 frames at 24 a second are 5 s, as they were asked for."""
    return max(1, _started(frames - 1, fps))


def _started(whole: int, part: int) -> int:
    return -(-whole // part)
