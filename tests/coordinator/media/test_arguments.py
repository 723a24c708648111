"""What a stranger's model may write as arguments: each is made, or refused with a sentence; nothing else happens."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.media.arguments import MOST_CHARS, BadCall, read
from coordinator.media.makings import Order
from coordinator.media.tools import FULL
from tests.coordinator.media.samples import LINK, call

P = {"prompt": "a lighthouse"}

# tool, arguments as JSON text or as values, and a piece of the sentence that the model is told
HOSTILE: list[tuple[str, Any, str]] = [
    # no JSON, or another kind of it
    ("generate_image", "", "prompt is missing"),
    ("generate_image", "{", "no valid JSON"),
    ("generate_image", "[]", "must be a JSON object"),
    ("generate_image", '"draw"', "must be a JSON object"),
    ("generate_image", "null", "must be a JSON object"),
    ("generate_image", "[" * 100_000, "no valid JSON"),
    ("generate_image", '{"prompt":' + "[" * 5000 + "]" * 5000 + "}", ""),
    ("generate_image", '{"prompt": "a", "width": NaN}', "no valid JSON"),
    ("generate_image", '{"prompt": "a", "width": Infinity}', "no valid JSON"),
    ("generate_image", '{"prompt": "a", "width": 1e999, "height": 64}', "width must be a number"),
    ("generate_image", '{"prompt": "a", "seed": ' + "9" * 5000 + "}", "no valid JSON"),
    ("generate_image", '{"prompt": "' + "a" * MOST_CHARS + '"}', "characters"),
    ("generate_image", '{"prompt": "\\ud800"}', "half a character"),
    # the prompt
    ("generate_image", {}, "prompt is missing"),
    ("generate_image", {"prompt": ""}, "prompt is missing"),
    ("generate_image", {"prompt": "   \n"}, "prompt is missing"),
    ("generate_image", {"prompt": None}, "prompt is missing"),
    ("generate_image", {"prompt": 7}, "prompt must be a text"),
    ("generate_image", {"prompt": {"$ref": "#"}}, "prompt must be a text"),
    ("generate_image", {"prompt": ["a"]}, "prompt must be a text"),
    ("generate_image", {"prompt": "a" * 32_001}, "at most 32,000"),
    ("generate_image", {**P, "negative_prompt": "b" * 32_001}, "at most 32,000"),
    ("generate_music", {**P, "lyrics": "l" * 32_001}, "at most 32,000"),
    # numbers
    ("generate_image", {**P, "width": -1024, "height": 1024}, "width is -1024"),
    ("generate_image", {**P, "width": 0, "height": 0}, "width is 0"),
    ("generate_image", {**P, "width": 10**9, "height": 10**9}, "from 16 to 4096"),
    ("generate_image", {**P, "width": 1e308, "height": 16}, "from 16 to 4096"),
    ("generate_image", {**P, "width": "wide", "height": 16}, "width must be a number"),
    ("generate_image", {**P, "width": True, "height": 16}, "width must be a number"),
    ("generate_image", {**P, "width": [512], "height": 16}, "width must be a number"),
    ("generate_image", {**P, "steps": 0}, "steps is 0"),
    ("generate_image", {**P, "steps": 10_000}, "from 1 to 100"),
    ("generate_image", {**P, "seed": -2}, "seed is -2"),
    ("generate_image", {**P, "seed": 2**60}, "seed is"),
    ("edit_image", {**P, "number_of_variations": 0}, "number_of_variations is 0"),
    ("edit_image", {**P, "number_of_variations": 17}, "from 1 to 16"),
    ("edit_image", {**P, "number_of_variations": 10**300}, "from 1 to 16"),
    ("edit_image", {**P, "number_of_variations": 10**400}, "number_of_variations must be a number"),
    ("generate_image", {**P, "width": -(10**4000), "height": 16}, "width must be a number"),
    ("generate_image", {**P, "seed": 10**400}, "seed must be a number"),
    ("generate_video", {**P, "duration": 3600}, "from 1 to 20"),
    ("generate_video", {**P, "duration": -5}, "duration is -5"),
    ("generate_video", {**P, "fps": 1000}, "from 1 to 60"),
    ("generate_video", {**P, "first_frame_strength": 2, "reference_image_url": "media:1"}, "from 0 to 1"),
    ("sound_to_video", {**P, "audio_start": 1e9}, "from 0 to 3600"),
    ("generate_music", {**P, "duration": 5}, "from 10 to 600"),
    ("generate_music", {**P, "bpm": 5000}, "from 30 to 300"),
    # choices
    ("generate_music", {**P, "timesignature": "7"}, "one of 4, 3, 2, 6"),
    ("generate_music", {**P, "output_format": "exe"}, "one of mp3, flac, wav"),
    ("generate_music", {**P, "output_format": "../../etc/passwd"}, "one of mp3, flac, wav"),
    ("generate_music", {**P, "keyscale": "C" * 33}, "at most 32"),
    ("generate_music", {**P, "language": "e" * 17}, "at most 16"),
    ("video_to_video", {**P, "control_mode": "shell"}, "one of animate-move"),
    ("video_to_video", {**P, "control_mode": "pose"}, "it has no video_to_video.pose"),
    ("generate_image", {**P, "model": "m" * 129}, "at most 128"),
    # media
    ("edit_image", {**P, "source_image_url": "media:9"}, "there is no media:9"),
    ("edit_image", {**P, "source_image_url": "media:0"}, "there is no media:0"),
    ("edit_image", {**P, "source_image_url": "media:2"}, "is a sound and no picture"),
    ("edit_image", {**P, "source_image_url": "http://169.254.169.254/latest/meta-data/"}, "nothing else is fetched"),
    ("edit_image", {**P, "source_image_url": "https://elsewhere.example/a.png"}, "nothing else is fetched"),
    ("edit_image", {**P, "source_image_url": "https://evil.example/m/AbCdEfGhIjKlMnOpQrStUv.png"}, "nothing else"),
    ("edit_image", {**P, "source_image_url": "file:///etc/passwd"}, "nothing else is fetched"),
    ("edit_image", {**P, "source_image_url": "../../../../etc/passwd"}, "nothing else is fetched"),
    ("edit_image", {**P, "source_image_url": "data:image/png;base64,not base64"}, "no valid base64"),
    ("edit_image", {**P, "source_image_url": "data:text/html;base64,PGh0bWw+"}, "not those of a picture"),
    ("edit_image", {**P, "source_image_url": "data:image/svg+xml,<svg/>"}, "not in base64"),
    ("edit_image", {**P, "reference_image_urls": {"a": 1}}, "array of texts"),
    ("edit_image", {**P, "reference_image_urls": [1, 2]}, "array of texts"),
    ("edit_image", {**P, "reference_image_urls": ["gopher://x"]}, "nothing else is fetched"),
    ("edit_image", {**P, "reference_image_urls": ["\ud800"]}, "half a character"),
    ("edit_image", {**P, "source_image_url": "media:1", "reference_image_urls": "\udfff"}, "half a character"),
    ("generate_video", {**P, "reference_image_url": "media:3"}, "is a film and no picture"),
    ("generate_video", {**P, "reference_audio_identity_url": "media:2"}, "given voice"),
    ("generate_video", {**P, "reference_image_url": "media:1", "reference_image_end_url": "media:1"}, "it has no"),
    ("sound_to_video", {**P, "reference_audio_url": "media:1"}, "is a picture and no sound"),
    ("video_to_video", {**P, "reference_video_url": LINK}, "is a picture and no film"),
]


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize(("tool", "arguments", "said"), HOSTILE)
def test_hostile_arguments_are_refused_in_one_sentence(tool: str, arguments: Any, said: str) -> None:
    with pytest.raises(BadCall) as refused:
        call(tool, arguments)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 500
    assert "\n" not in str(refused.value)
    assert str(refused.value).encode()  # it goes to the model and to the client, as UTF-8


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["media:1", "media:2", LINK]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("tool", FULL, ids=lambda tool: tool.name)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_whatever_is_written_is_made_or_refused(tool: Any, data: st.DataObject) -> None:
    names = st.sampled_from([*tool.parameters["properties"], "unknown"])
    arguments = {"prompt": "a"} | data.draw(st.dictionaries(names, VALUES, max_size=6))
    try:
        made = call(tool.name.removeprefix("sogni_"), json.dumps(arguments))
    except BadCall as refused:
        assert str(refused)
    else:
        assert isinstance(made, Order)


def test_numbers_that_are_written_as_texts_count() -> None:
    assert read("sogni_generate_image", '{"seed": "7", "steps": " 12 "}').integer("steps", 1, 50) == 12
    with pytest.raises(BadCall):
        read("sogni_generate_image", '{"steps": "1e3"}').integer("steps", 1, 5000)


def test_a_seed_of_minus_one_is_none() -> None:
    assert read("sogni_generate_image", '{"seed": -1}').seed() is None
    assert read("sogni_generate_image", '{"seed": 42.0}').seed() == 42


def test_what_has_no_effect_is_noted() -> None:
    arguments = read("sogni_generate_music", '{"prompt": "a", "creativity": 2, "style": "jazz", "composer_mode": null}')
    assert arguments.notes == ["creativity has no effect here", "there is no argument 'style': it was left out"]


def test_notes_are_bounded() -> None:
    arguments = read("sogni_generate_image", json.dumps({f"x{number}": 1 for number in range(100)}))
    assert len(arguments.notes) == 8
