"""What goes to a preparer and comes back from it arrives as it was sent."""

from typing import Any

import pytest

from tests.fakes.samplings import FULL
from wire.chat import ChatRequest, Message, Tool
from wire.errors import ErrorCode
from worker.chat.prepared import Prepared, Reading, Seen
from worker.engine.constraint import Constraint
from worker.engine.port import Placed
from worker.preparer.pipe import FROM_PREPARER, TO_PREPARER, Opened, Prepare, PreparerSpec, Refused
from worker.subprocesses.codec import Codec

REQUEST = ChatRequest(
    messages=(Message(role="system", content="zwölf\u2028\x00\n"), Message(role="user", content="\U0001f600")),
    tools=(Tool(name="f", parameters={"type": "object", "properties": {"x": {"enum": [1, None, 1.5, "ü"]}}}),),
    json_schema={},
    reasoning_budget=None,
    max_tokens=5,
    stop=("\n\n",),
    sampling=FULL,
)

MESSAGES: list[tuple[Codec[Any], object]] = [
    (TO_PREPARER, PreparerSpec("x.gguf", 4096, "qwen-xml")),
    (TO_PREPARER, Prepare(REQUEST, (1, 2, 3))),
    (TO_PREPARER, Prepare(REQUEST, (), (Seen(3, 2, "d"),))),
    (FROM_PREPARER, Opened()),
    (FROM_PREPARER, Opened(sees=True)),
    (
        FROM_PREPARER,
        Prepared(
            (1, 2), (1,), Reading("qwen-json", True, True, REQUEST.tools, ("x",)), (b"\x80", b""), Constraint("g")
        ),
    ),
    (FROM_PREPARER, Prepared((1, 2), (), Reading("qwen-json"), pictures=(Placed(0, 1, 1, "d"),))),
    (FROM_PREPARER, Refused(ErrorCode.CONTEXT_LENGTH_EXCEEDED, "too long", "messages")),
]


@pytest.mark.parametrize(("codec", "message"), MESSAGES, ids=lambda value: type(value).__name__)
def test_every_message_survives_the_pipe_as_one_line(codec: Codec[Any], message: object) -> None:
    line = codec.encode(message)
    assert line.count(b"\n") == 1 and line.endswith(b"\n")
    back = codec.decode(line)
    assert back == message and type(back) is type(message)
