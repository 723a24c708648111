"""The openai package for Python where something is drawn: in chats and responses, and at the endpoints of media."""

from base64 import b64decode
from typing import Any

import openai
from drawn import ENDS, in_base64, linked, looked_at, made
from outcome import KEY, MODEL, SAID, URL, expect, tell

client = openai.OpenAI(base_url=URL, api_key=KEY)
DRAW, PIPELINE, SIZE = SAID["draw"], SAID["pipeline"], SAID["size"]
HEADER = "x-supernet-platform-tools"
TOOL = "sogni_generate_image"


def chat(task: dict[str, Any], **more: Any) -> Any:
    return client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": task["ask"]}], **more)


def whole(task: dict[str, Any] = DRAW, media_type: str = "image/png") -> None:
    done = chat(task)
    (choice,) = done.choices
    assert choice.finish_reason in ENDS, choice
    assert not choice.message.tool_calls, choice
    made(done.model_extra["sogni_tool_results"], linked(choice.message.content, task["answer"], media_type))


def streamed() -> None:
    """Piece by piece, with the network's own chunks in between that say how far it is."""
    options = {"include_usage": True, "include_tool_progress": True}
    chunks = list(chat(DRAW, stream=True, stream_options=options))
    assert len({chunk.id for chunk in chunks}) == 1
    choices = [choice for chunk in chunks for choice in chunk.choices]
    assert not any(choice.delta.tool_calls for choice in choices)
    (end,) = (choice.finish_reason for choice in choices if choice.finish_reason)
    assert end in ENDS, end
    told = [chunk.model_extra["sogni_tool_progress"] for chunk in chunks if "sogni_tool_progress" in chunk.model_extra]
    assert told[-1]["percent"] == 100, told
    (results,) = (
        chunk.model_extra["sogni_tool_results"] for chunk in chunks if "sogni_tool_results" in chunk.model_extra
    )
    made(results, linked("".join(choice.delta.content or "" for choice in choices), DRAW["answer"]))
    assert chunks[-1].usage.model_extra["cost_details"]["media_nano_usd"] > 0


def helped() -> None:
    messages: Any = [{"role": "user", "content": DRAW["ask"]}]
    with client.chat.completions.stream(model=MODEL, messages=messages) as stream:
        said = "".join(event.delta for event in stream if event.type == "content.delta")
        (choice,) = stream.get_final_completion().choices
    assert choice.finish_reason in ENDS, choice
    assert not choice.message.tool_calls, choice
    assert choice.message.content == said
    linked(said, DRAW["answer"])


def responses() -> None:
    answer = client.responses.create(model=MODEL, input=DRAW["ask"], extra_body={"sogni_tools": True})
    linked(answer.output_text, DRAW["answer"])
    kinds = []
    with client.responses.stream(model=MODEL, input=DRAW["ask"], extra_body={"sogni_tools": True}) as stream:
        kinds = [event.type for event in stream]
        answer = stream.get_final_response()
    one_response(kinds)
    made(answer.model_extra["sogni_tool_results"], linked(answer.output_text, DRAW["answer"]))  # type: ignore[index]


def one_response(kinds: list[str]) -> None:
    assert kinds.count("response.created") == 1, kinds
    assert kinds[-1] in ("response.completed", "response.incomplete"), kinds


def image_generation() -> None:
    """The Responses API's own tool, whose item has the picture itself."""
    wish: Any = {"model": MODEL, "input": DRAW["ask"], "tools": [{"type": "image_generation"}]}
    answer = client.responses.create(**wish)
    (item,) = (item for item in answer.output if item.type == "image_generation_call")
    in_base64(item.result)  # type: ignore[arg-type]
    with client.responses.stream(**wish) as stream:
        kinds = [event.type for event in stream]
        (item,) = (item for item in stream.get_final_response().output if item.type == "image_generation_call")
    in_base64(item.result)  # type: ignore[arg-type]
    told = [kind.rpartition(".")[2] for kind in kinds if ".image_generation_call." in kind]
    assert [told[0], told[-1]] == ["in_progress", "completed"], kinds
    one_response(kinds)


def not_wanted() -> None:
    plain = SAID["plain"]
    messages: Any = [{"role": "user", "content": plain["ask"]}]
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=messages, extra_body={"sogni_tools": False}
    )
    assert HEADER not in raw.headers
    content = raw.parse().choices[0].message.content or ""
    expect(content, plain["answer"])
    assert "](http" not in content, content


def left_to_the_client() -> None:
    (choice,) = chat(DRAW, extra_body={"sogni_tool_execution": False}).choices
    assert choice.finish_reason == "tool_calls", choice
    assert [call.function.name for call in choice.message.tool_calls] == [TOOL]


def changed() -> None:
    """A picture of the user's, which the model names by its handle or not at all."""
    task = SAID["change"]
    shown = {"type": "image_url", "image_url": {"url": SAID["picture"]}}
    content: Any = [{"type": "text", "text": task["ask"]}, shown]
    done = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": content}])
    linked(done.choices[0].message.content or "", task["answer"])


def picture() -> None:
    drawn = client.images.generate(model=PIPELINE, prompt=DRAW["ask"], size=SIZE)
    in_base64(drawn.data[0].b64_json)  # type: ignore[index, arg-type]


def picture_as_link() -> None:
    drawn = client.images.generate(model=PIPELINE, prompt=DRAW["ask"], size=SIZE, n=2, response_format="url")
    for one in drawn.data or []:
        linked(f"]({one.url})", None)
    assert len(drawn.data or []) == 2


def picture_streamed() -> None:
    wish: Any = {"model": PIPELINE, "prompt": DRAW["ask"], "size": SIZE, "partial_images": 2}
    events = list(client.images.generate(**wish, stream=True))
    assert events[-1].type == "image_generation.completed"
    in_base64(events[-1].b64_json)


def picture_edited() -> None:
    file = b64decode(SAID["picture"].partition(",")[2])
    edited = client.images.edit(model=PIPELINE, image=[("red.png", file, "image/png")], prompt="blue", size=SIZE)
    in_base64(edited.data[0].b64_json)  # type: ignore[index, arg-type]


def film() -> None:
    wish: Any = {"model": SAID["film_pipeline"], "prompt": SAID["film"]["ask"], "seconds": "1", "size": SIZE}
    video = client.videos.create_and_poll(**wish)
    assert (video.status, video.progress) == ("completed", 100), video
    looked_at(client.videos.download_content(video.id).read(), "video/mp4")
    assert video.id in [one.id for one in client.videos.list()]
    assert client.videos.delete(video.id).deleted


def wrong_pipeline() -> str:
    try:
        client.images.generate(model="no-such-pipeline", prompt="x")
    except openai.NotFoundError as error:
        assert error.code == "model_not_found", error
        return type(error).__name__
    raise AssertionError("no error")


tell("chat: whole", whole)
tell("chat: streamed, with its progress", streamed)
tell("chat: .stream()", helped)
tell("chat: not wanted", not_wanted)
tell("chat: calls left to the client", left_to_the_client)
tell("responses: whole and .stream()", responses)
tell("responses: image_generation", image_generation)
tell("pictures: in base64", picture)
tell("pictures: two links", picture_as_link)
tell("pictures: streamed", picture_streamed)
tell("pictures: typed error", wrong_pipeline)
if "film" in SAID:
    tell("chat: a picture changed", changed)
    tell("chat: a film", lambda: whole(SAID["film"], "video/mp4"))
    tell("pictures: edited", picture_edited)
    tell("films: made, fetched, listed, deleted", film)
