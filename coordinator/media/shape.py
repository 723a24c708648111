"""How large and how long a pipeline makes what it makes: what a size or a number of seconds comes to, or why it cannot
be had and what can."""

from math import lcm, sqrt

from wire.media_catalog import MediaSpec

SIDE_STEP = 16  # of each side of whatever is made (wire/media.py), and the pipeline's own beside it
MAX_SIDE = 4096


def side_step(spec: MediaSpec) -> int:
    """Pixels of which each side has to be a multiple."""
    return lcm(SIDE_STEP, spec.limits.multiple_of)


def size_problem(spec: MediaSpec, width: int, height: int) -> str | None:
    """Why the pipeline makes nothing of this size, with the nearest that it makes; None: it does."""
    step, most = side_step(spec), spec.limits.pixels
    if width % step or height % step or not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        problem = f"each side of what '{spec.id}' makes is a multiple of {step}, and at most {MAX_SIDE} pixels"
    elif width * height > most:
        problem = f"'{spec.id}' makes at most {most:,} pixels, and this is {width * height:,}"
    else:
        return None
    return "{}. Nearest: {}x{}".format(problem, *nearest_size(spec, width, height))


def nearest_size(spec: MediaSpec, width: int, height: int) -> tuple[int, int]:
    """The size of about the same proportions that the pipeline does make: no larger than it can."""
    width, height = max(1, width), max(1, height)
    step, most = side_step(spec), spec.limits.pixels
    longest = MAX_SIDE // step * step
    shrink = min(1.0, sqrt(most / (width * height)), longest / max(width, height))
    across, down = (min(longest, max(step, round(side * shrink / step) * step)) for side in (width, height))
    while across * down > most and max(across, down) > step:
        if across >= down:
            across -= step
        else:
            down -= step
    return across, down


def size_like(spec: MediaSpec, width: int, height: int) -> tuple[int, int]:
    """The size of about these proportions that has about as many pixels as the pipeline makes unless it is told."""
    grow = sqrt(spec.defaults.width * spec.defaults.height / (max(1, width) * max(1, height)))
    return nearest_size(spec, round(width * grow), round(height * grow))


def film_frames(spec: MediaSpec, seconds: float, fps: int) -> int:
    """The number of frames nearest to so many seconds: films have a multiple of the pipeline's step, and one."""
    step = spec.limits.frames_step
    return max(1, round((seconds * fps - 1) / step)) * step + 1


def length_problem(spec: MediaSpec, seconds: float, fps: int) -> str | None:
    """Why the pipeline makes no film of this length; None: it does."""
    if film_frames(spec, seconds, fps) <= spec.limits.frames:
        return None
    longest = spec.limits.frames / fps
    return f"'{spec.id}' makes at most {spec.limits.frames} frames, which are {longest:.3g} s at {fps} a second"
