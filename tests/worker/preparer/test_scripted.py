"""The scripted preparer: bytes are tokens."""

from collections.abc import Sequence

import pytest

from wire.chat import ChatRequest, Image, Message, Tool
from wire.errors import ErrorCode, SupernetError
from worker.chat.prepared import Seen
from worker.engine.port import Placed
from worker.preparer.scripted import ScriptedPreparer


def ask(texts: Sequence[str], **more: object) -> ChatRequest:
    messages = tuple(Message(role="user", content=text) for text in texts)
    return ChatRequest.model_validate({"messages": messages, "max_tokens": 5, **more})


async def test_the_prompt_is_the_text_and_anchors_are_the_ends_of_messages() -> None:
    prepared = await ScriptedPreparer(1000).prepare(ask(["ä", "b"]), tuple(b"xy"))
    assert bytes(prepared.prompt).decode() == "user: ä\nuser: b\n"
    assert prepared.anchors == (9, 17)
    assert prepared.delivered_pieces == (b"x", b"y")


async def test_a_prompt_that_leaves_no_token_is_refused() -> None:
    preparer = ScriptedPreparer(len("user: \n") + 10)
    await preparer.prepare(ask(["x" * 9]), (1, 2, 3))
    with pytest.raises(SupernetError) as caught:
        await preparer.prepare(ask(["x" * 10]), ())
    assert caught.value.code is ErrorCode.CONTEXT_LENGTH_EXCEEDED and caught.value.param == "messages"


async def test_tools_are_read_only_if_they_may_be_called() -> None:
    tools = (Tool(name="f"),)
    assert (await ScriptedPreparer(1000).prepare(ask(["x"], tools=tools, stop=("s",)), ())).reading.tools == tools
    silent = (await ScriptedPreparer(1000).prepare(ask(["x"], tools=tools, tool_choice="none"), ())).reading
    assert silent.tools == ()


@pytest.mark.parametrize(("wanted", "opened"), [(True, True), (False, False)])
async def test_a_prompt_may_end_inside_an_open_thought(wanted: bool, opened: bool) -> None:
    preparer = ScriptedPreparer(1000, "qwen-xml", opens_thought=True)
    reading = (await preparer.prepare(ask(["x"], thinking=wanted), ())).reading
    assert (reading.in_reasoning, reading.reasons) == (opened, True)
    assert not (await ScriptedPreparer(1000).prepare(ask(["x"]), ())).reading.in_reasoning


async def test_a_delivered_token_that_is_no_byte_costs_only_its_request() -> None:
    with pytest.raises(SupernetError) as caught:
        await ScriptedPreparer(1000).prepare(ask(["x"]), (256,))
    assert caught.value.code is ErrorCode.INVALID_REQUEST


async def test_a_picture_is_as_many_tokens_as_it_has_patches() -> None:
    shown = tuple(Image(at=at, sha256=64 * "a", size_bytes=1, most=256) for at in (1, 3))
    request = ask(["before"])
    asked = request.model_copy(
        update={"messages": (*request.messages, Message(role="user", content="äbc", images=shown))}
    )
    seen = (Seen(3, 2, "one"), Seen(1, 2, "two"))
    prepared = await ScriptedPreparer(1000).prepare(asked, (), seen)
    assert bytes(prepared.prompt).decode() == "user: before\nuser: ä" + 6 * "\0" + "bc" + 2 * "\0" + "\n"
    first = len("user: before\nuser: ä".encode())
    assert prepared.pictures == (Placed(first, 3, 2, "one"), Placed(first + 8, 1, 2, "two"))
