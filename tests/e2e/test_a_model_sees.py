"""A client sends pictures through the whole network and gets answers about them, from a model that really sees."""

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import pytest
from openai import OpenAI
from PIL import Image

from tests.e2e.busy import busy
from tools.local_network import MODEL, Network
from tools.tiny_models.pictures import COLOURS, SHAPES, Scene, blank, draw, scene
from tools.tiny_models.sight import share

PICTURES, BLANK = 200, 40
CHANCE = 1 / (len(COLOURS) * len(SHAPES))
QUESTION = "What colour and shape is it?"
FORMATS = ("PNG", "JPEG", "WEBP")
MARKS = 2  # tokens about each picture


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, tiny_sight: tuple[Path, Path]) -> Iterator[OpenAI]:
    """Of a network with one worker whose model sees."""
    weights, projector = tiny_sight
    network = Network(tmp_path_factory.mktemp("sight"), weights, format="qwen-xml", projector=projector)
    try:
        network.start_coordinator()
        network.start_worker()
        with OpenAI(base_url=network.url + "/v1", api_key=network.key, max_retries=0) as made:
            yield made
    finally:
        network.close()


def part(image: Image.Image, kind: str = "PNG") -> dict[str, Any]:
    buffer = BytesIO()
    image.save(buffer, kind)
    url = f"data:image/{kind.lower()};base64," + base64.b64encode(buffer.getvalue()).decode()
    return {"type": "image_url", "image_url": {"url": url, "detail": "low"}}


def words(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def ask(client: OpenAI, messages: list[Any], **request: Any) -> Any:
    """An answer without a thought, of the likeliest words unless the request says otherwise."""
    body: Any = {"chat_template_kwargs": {"enable_thinking": False}}
    request = {"temperature": 0, "max_tokens": 60} | request
    return client.chat.completions.create(model=MODEL, messages=messages, extra_body=body, **request)


def about(client: OpenAI, image: Image.Image, kind: str = "PNG") -> str:
    done = ask(client, [{"role": "user", "content": [part(image, kind), words(QUESTION)]}], temperature=1)
    return str(done.choices[0].message.content)


def told(client: OpenAI, images: list[Image.Image]) -> list[str]:
    """What is said of each; two are asked about at a time, as the worker has two slots."""
    kinds = [FORMATS[number % len(FORMATS)] for number in range(len(images))]
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda image, kind: about(client, image, kind), images, kinds))


def scenes(seed: int, count: int) -> list[Scene]:
    rng = Random(seed)
    return [scene(rng, test=True) for _ in range(count)]


def test_it_names_shape_and_colour_of_200_unseen_pictures(client: OpenAI) -> None:
    asked = scenes(2025, PICTURES)
    said = told(client, [draw(one) for one in asked])
    of_blanks = told(client, [draw(blank(one)) for one in asked[:BLANK]])
    right, swapped = share(said, asked), share(said[1:] + said[:1], asked)
    blanked = share(of_blanks, asked[:BLANK])
    print(f"right {right:.1%}; pictures swapped {swapped:.1%}, blanked {blanked:.1%}; by chance {CHANCE:.1%}")
    assert right >= 0.95
    assert max(swapped, blanked) < 3 * CHANCE


def test_a_second_question_about_a_picture_reads_only_its_own_words_anew(client: OpenAI) -> None:
    (one,) = scenes(1, 1)
    turns: list[Any] = [{"role": "user", "content": [part(draw(one)), words("What shape is it?")]}]
    first = ask(client, turns)
    turns += [{"role": "assistant", "content": first.choices[0].message.content}]
    second = ask(client, [*turns, {"role": "user", "content": "What colour is it?"}])
    assert one.colour in second.choices[0].message.content
    cached = second.usage.prompt_tokens_details.cached_tokens
    assert cached >= first.usage.prompt_tokens - 16  # the turn's own end is written another way than it was opened
    assert first.usage.prompt_tokens > 64 + MARKS


def test_two_pictures_in_one_question_are_told_apart_and_in_their_order(client: OpenAI) -> None:
    asked = scenes(7, 20)
    said = []
    for first, second in zip(asked[::2], asked[1::2], strict=True):
        content = [words("What is on the pictures?"), part(draw(first)), part(draw(second))]
        said.append(ask(client, [{"role": "user", "content": content}]).choices[0].message.content)
    right = sum(
        answer.find(first.name) < answer.find(f"then {second.name}") and first.name in answer
        for answer, first, second in zip(said, asked[::2], asked[1::2], strict=True)
    )
    print(f"both in their order: {right} of 10")
    assert right >= 5, said  # it is no master of this; by chance a pair is right once in a thousand times


def test_a_picture_that_a_tool_gives_is_seen(client: OpenAI) -> None:
    (one,) = scenes(3, 1)
    tool: Any = {"type": "function", "function": {"name": "screenshot", "parameters": {"type": "object"}}}
    turns: list[Any] = [{"role": "user", "content": "Look at the screen."}]
    called = ask(client, turns, tools=[tool], tool_choice="required").choices[0].message
    assert [call.function.name for call in called.tool_calls] == ["screenshot"]
    turns += [called.model_dump(exclude_none=True)]
    turns += [{"role": "tool", "tool_call_id": called.tool_calls[0].id, "content": [part(draw(one))]}]
    answer = ask(client, turns, tools=[tool])
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == (f"It is {one.name}.", "stop")


def test_a_tool_s_picture_that_is_cut_off_ends_no_conversation(client: OpenAI) -> None:
    (one,) = scenes(5, 1)
    cut = part(draw(one))
    head, _, file = cut["image_url"]["url"].partition(",")
    cut["image_url"]["url"] = f"{head},{file[:200]}"
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    turns: list[Any] = [
        {"role": "user", "content": "Look."},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": [cut]},
        {"role": "user", "content": [part(draw(one)), words(QUESTION)]},
    ]
    done = ask(client, turns)
    assert share([str(done.choices[0].message.content)], [one]) == 1
    (said,) = done.choices[0].model_extra["warnings"]
    assert "picture 1 of the request, in a tool's result, was left out: it is damaged or cut off" in said


def test_an_answer_about_a_picture_goes_on_at_another_worker(tmp_path: Path, tiny_sight: tuple[Path, Path]) -> None:
    """The other never saw the picture: it is sent the file, encodes it, and goes on behind the delivered tokens."""
    (one,) = scenes(5, 1)
    turns = [{"role": "user", "content": [part(draw(one)), words(QUESTION)]}]
    weights, projector = tiny_sight
    network = Network(tmp_path, weights, format="qwen-xml", projector=projector)
    try:
        network.start_coordinator()
        for name in ("one", "two"):
            network.start_worker(name=name)
        with OpenAI(base_url=network.url + "/v1", api_key=network.key, max_retries=0) as client:
            body: Any = {"chat_template_kwargs": {"enable_thinking": False}, "ignore_eos": True}
            request: dict[str, Any] = {"model": MODEL, "messages": turns, "temperature": 0, "max_tokens": 1500}
            usage: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
            stream = iter(client.chat.completions.create(**request, **usage, extra_body=body))
            seen = [next(stream) for _ in range(3)]
            network.workers[busy(network)].kill()
            seen += list(stream)
            whole = client.chat.completions.create(**request, extra_body=body)
    finally:
        network.close()
    text = "".join(chunk.choices[0].delta.content or "" for chunk in seen if chunk.choices)
    assert text.startswith(f"It is {one.name}.")
    assert seen[-1].usage.completion_tokens == request["max_tokens"]
    assert whole.usage is not None and seen[-1].usage.prompt_tokens == whole.usage.prompt_tokens
