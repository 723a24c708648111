"""What is made: its files, the modes that it needs, how much there is to compute, and which offers can do it."""

import json

import pytest
from pydantic import ValidationError

from wire import codec
from wire.media import (
    EditImage,
    GenerateImage,
    GenerateMusic,
    GenerateVideo,
    Making,
    MediaOffer,
    MediaRequest,
    Progress,
    SoundToVideo,
    VideoToVideo,
    effort,
    files,
    frames,
    media_kind,
    needs,
    pixels,
)
from wire.messages import Start

A, B = "a" * 64, "b" * 64
PICTURE = GenerateImage(prompt="a fish", width=1024, height=512, steps=8)
EDIT = EditImage(prompt="blue", width=64, height=64, steps=4, images=(A, B, A))
MUSIC = GenerateMusic(prompt="a waltz", seconds=30, steps=8)


def film(first: str | None = None, last: str | None = None) -> GenerateVideo:
    return GenerateVideo(prompt="x", width=64, height=64, frames=17, fps=16, steps=4, first=first, last=last)


def sound(image: str | None = None) -> SoundToVideo:
    return SoundToVideo(prompt="x", width=64, height=64, frames=17, fps=16, steps=4, sound=A, image=image)


CANNY = VideoToVideo(prompt="x", width=64, height=64, frames=17, fps=16, steps=4, video=A, mode="canny", image=B)


@pytest.mark.parametrize(
    ("make", "named", "mode", "kind"),
    [
        (PICTURE, (), "generate_image", "image"),
        (EDIT, (A, B), "edit_image", "image"),
        (film(), (), "generate_video", "video"),
        (film(first=A), (A,), "generate_video.first", "video"),
        (film(last=A), (A,), "generate_video.last", "video"),
        (film(A, B), (A, B), "generate_video.first-last", "video"),
        (sound(), (A,), "sound_to_video", "video"),
        (sound(B), (A, B), "sound_to_video.image", "video"),
        (CANNY, (A, B), "video_to_video.canny", "video"),
        (MUSIC, (), "generate_music", "audio"),
    ],
)
def test_files_modes_and_kind(make: Making, named: tuple[str, ...], mode: str, kind: str) -> None:
    assert files(make) == named
    assert needs(make) == {mode}
    assert media_kind(make) == kind
    request = MediaRequest(make=make)
    start = Start(job="j", attempt=1, model="m", request=request, seed=1)
    assert codec.to_worker(codec.encode(start)) == start
    assert json.loads(codec.encode(start))["request"]["kind"] == "media"


def test_effort_is_in_steps_of_a_million_pixels_or_seconds_of_music() -> None:
    assert (pixels(PICTURE), frames(PICTURE), effort(PICTURE)) == (1024 * 512, 1, 4.0)
    assert effort(film()) == 4 * 17 * 64 * 64 / 2**20
    assert (pixels(MUSIC), frames(MUSIC), effort(MUSIC)) == (0, 0, 240)


def offer(*modes: str, side: int = 1024, most: int = 17, seconds: int = 60, images: int = 2) -> MediaOffer:
    limits = {"max_pixels": side * side, "max_frames": most, "max_seconds": seconds, "max_images": images}
    return MediaOffer(id="m", modes=modes, **limits)


@pytest.mark.parametrize(
    ("make", "who", "why"),
    [
        (PICTURE, offer("generate_image"), None),
        (PICTURE, offer("edit_image"), "no generate_image"),
        (PICTURE, offer("generate_image", side=512), "262,144 pixels"),
        (PICTURE, offer("generate_image", most=0), None),
        (EDIT, offer("edit_image", images=2), "2 pictures"),
        (EDIT, offer("edit_image", images=3), None),
        (film(), offer("generate_video"), None),
        (film(), offer("generate_video", most=16), "16 frames"),
        (film(first=A), offer("generate_video"), "no generate_video.first"),
        (MUSIC, offer("generate_music", side=0), None),
        (MUSIC, offer("generate_music", side=0, seconds=29), "29 seconds"),
    ],
)
def test_an_offer_says_what_it_lacks(make: Making, who: MediaOffer, why: str | None) -> None:
    found = who.lacks(make)
    assert found is None if why is None else why in str(found)


@pytest.mark.parametrize(
    "wrong", [{"prompt": ""}, {"width": 65}, {"steps": 0}, {"steps": 101}, {"format": "svg"}, {"width": 8192}]
)
def test_numbers_and_texts_have_bounds(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        GenerateImage.model_validate(PICTURE.model_dump() | wrong)


def test_a_preview_is_base64_of_a_bounded_size() -> None:
    for wrong in ("<svg>", "A" * (96 * 1024 + 4)):
        with pytest.raises(ValidationError):
            Progress(job="j", attempt=1, stage="denoising", preview=wrong)
