"""Films and sounds decoded whole, and put into a new container."""

from collections.abc import Callable
from io import BytesIO

import av
import pytest

from coordinator.artefacts import recordings
from coordinator.artefacts.facts import Facts
from coordinator.artefacts.strip import Damaged
from tests.coordinator.artefacts.files import WORDS, flac, m4a, mp3, mp4, png, wav

SOUNDS: dict[str, Callable[[float], bytes]] = {
    "audio/mpeg": mp3,
    "audio/mp4": m4a,
    "audio/flac": flac,
    "audio/wav": wav,
}


def rewritten(data: bytes, media_type: str) -> tuple[Facts, bytes]:
    out = BytesIO()
    return recordings.rewrite(BytesIO(data), media_type, out), out.getvalue()


@pytest.mark.parametrize("sound", [True, False])
def test_a_film_keeps_its_pictures_and_its_sound_and_loses_its_words(sound: bool) -> None:
    data = mp4(64, 48, frames=9, fps=8, sound=sound)
    assert WORDS.encode() in data
    facts, left = rewritten(data, "video/mp4")
    assert (facts.width, facts.height, facts.frames) == (64, 48, 9)
    assert facts.fps == pytest.approx(8) and facts.seconds == pytest.approx(9 / 8)
    assert WORDS.encode() not in left
    with av.open(BytesIO(left)) as again:
        assert len(again.streams.audio) == sound and len(again.streams.video) == 1
    assert rewritten(left, "video/mp4")[0] == facts


@pytest.mark.parametrize("media_type", SOUNDS)
def test_a_sound_is_as_long_as_what_was_decoded(media_type: str) -> None:
    data = SOUNDS[media_type](2.0)
    facts, left = rewritten(data, media_type)
    assert facts == Facts(media_type, seconds=facts.seconds) and facts.seconds == pytest.approx(2.0, abs=0.1)
    assert WORDS.encode() not in left
    again, same = rewritten(left, media_type)
    assert again.seconds == pytest.approx(facts.seconds) and WORDS.encode() not in same


@pytest.mark.parametrize("media_type", ["video/mp4", *SOUNDS])
def test_the_same_file_becomes_the_same_bytes(media_type: str) -> None:
    data = mp4() if media_type == "video/mp4" else SOUNDS[media_type](1.0)
    assert rewritten(data, media_type)[1] == rewritten(data, media_type)[1]


@pytest.mark.parametrize("media_type", ["video/mp4", *SOUNDS])
@pytest.mark.parametrize("what", ["nothing", "text", "a picture", "the head alone"])
def test_what_is_none_is_damaged(media_type: str, what: str) -> None:
    whole = mp4() if media_type == "video/mp4" else SOUNDS[media_type](1.0)
    data = {"nothing": b"", "text": b"<html>" * 100, "a picture": png(), "the head alone": whole[:24]}[what]
    with pytest.raises(Damaged):
        rewritten(data, media_type)


def test_a_film_that_is_cut_off_is_damaged() -> None:
    data = mp4(frames=30)
    for size in (len(data) // 3, len(data) - 200):
        with pytest.raises(Damaged):
            rewritten(data[:size], "video/mp4")


def test_a_sound_alone_is_no_film_and_a_film_no_sound() -> None:
    out = BytesIO()
    with av.open(out, "w", format="mp4") as made:
        stream = made.add_stream("aac", rate=48_000, layout="stereo")
        made.mux(stream.encode())
    with pytest.raises(Damaged):
        rewritten(out.getvalue(), "video/mp4")
    with pytest.raises(Damaged):
        rewritten(mp4(), "audio/mpeg")


def test_bounds_of_size_and_length(monkeypatch: pytest.MonkeyPatch) -> None:
    data, sound = mp4(64, 48, frames=9), wav(2.0)
    for name, value, words in (
        ("MAX_PIXELS", 64 * 48 - 1, "pixels"),
        ("MAX_FRAMES", 8, "frames"),
        ("MAX_SECONDS", 0.5, "longer"),
        ("CODECS", {"video/mp4": frozenset()}, "codec"),
    ):
        with monkeypatch.context() as patch, pytest.raises(Damaged, match=words):
            patch.setattr(recordings, name, value)
            rewritten(data, "video/mp4")
    monkeypatch.setattr(recordings, "MAX_CHANNELS", 1)
    with pytest.raises(Damaged, match="channels"):
        rewritten(sound, "audio/wav")
