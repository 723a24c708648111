"""Pictures in the results of tools: one that cannot be read ends no conversation."""

from tests.worker.session.pictured import LARGE, OTHER, PIXELS, SMALL, image, picture, reading, seeing, send
from tests.worker.session.transcript import M, sent, types
from wire.chat import ChatRequest, Message
from wire.errors import ErrorCode, SupernetError
from wire.messages import Cancel, Start
from worker.session import effects

DAMAGED = SupernetError(ErrorCode.INVALID_REQUEST, "is damaged: send it again", param="messages")


def of_a_tool(*files: bytes, asked: tuple[bytes, ...] = ()) -> Start:
    """A Start of pictures that a user sent, and others in the result of a tool."""
    user = Message(role="user", content="look", images=tuple(map(image, asked)))
    tool = Message(role="tool", content="seen", tool_call_id="c", images=tuple(map(image, files)))
    return Start(job="a", attempt=1, model=M, seed=7, request=ChatRequest(messages=(user, tool), max_tokens=100))


def test_a_tool_s_picture_that_cannot_be_read_is_left_out_and_said() -> None:
    session = seeing()
    session.received(of_a_tool(SMALL, OTHER, asked=(LARGE,)), 0.0)
    for data in (LARGE, SMALL, OTHER):
        found = send(session, data)
    read = reading(found)
    session.picture_read(read, picture("l"), PIXELS)
    assert session.picture_failed(read, DAMAGED) == [] and session.jobs.chats.pictures.reads(read)
    shown, prepare = session.picture_read(read, picture("o"), PIXELS)
    assert isinstance(prepare, effects.Prepare) and isinstance(shown, effects.Command)
    assert [one.digest for one in prepare.seen] == ["l", "o"]
    tool = prepare.request.messages[1]
    assert tool.content == "[left out: this picture cannot be read]seen" and [one.at for one in tool.images] == [39]
    assert prepare.said == (
        "picture 2 of the request, in a tool's result, was left out: it is damaged: send it again.",
    )


def test_a_request_all_of_whose_pictures_are_left_out_is_one_of_text() -> None:
    session = seeing()
    session.received(of_a_tool(SMALL), 0.0)
    (prepare,) = session.picture_failed(reading(send(session, SMALL)), DAMAGED)
    assert isinstance(prepare, effects.Prepare) and prepare.seen == ()
    assert all(message.images == () for message in prepare.request.messages)


def test_a_picture_that_the_user_sent_too_is_the_user_s() -> None:
    session = seeing()
    session.received(of_a_tool(SMALL, asked=(OTHER, SMALL)), 0.0)
    send(session, OTHER)
    read = reading(send(session, SMALL))
    session.picture_read(read, picture(), PIXELS)
    (refused,) = sent(session.picture_failed(read, DAMAGED))
    assert refused.param == "images[1]"  # type: ignore[attr-defined]


def test_damaged_pictures_of_tools_are_left_out_for_as_long_as_a_request_may_take_to_read() -> None:
    session = seeing()
    files = [b"%d" % number for number in range(9)]
    session.received(of_a_tool(*files), 0.0)
    for data in files:
        found = send(session, data)
    read = reading(found)
    for _ in files[:-1]:
        assert session.picture_failed(read, DAMAGED) == []
    (refused,) = sent(session.picture_failed(read, DAMAGED))
    assert refused.param == "images[8]"  # type: ignore[attr-defined]


def test_a_cancel_ends_an_attempt_whose_tool_s_picture_cannot_be_read() -> None:
    session = seeing()
    session.received(of_a_tool(SMALL, OTHER), 0.0)
    send(session, SMALL)
    read = reading(send(session, OTHER))
    session.received(Cancel(job="a", attempt=1), 0.0)
    assert types(session.picture_failed(read, DAMAGED)) == ["cancelled"]
    assert session.models[M].slots.free == 4
