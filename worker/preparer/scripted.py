"""The preparer that goes with ScriptedEngine: no file, no template, one token per byte of UTF-8."""

from itertools import islice
from typing import Any

from wire.catalog import ChatFormat
from wire.chat import ChatRequest
from wire.errors import ErrorCode, SupernetError
from worker.chat.pictures import pictures_of
from worker.chat.prepared import Prepared, Reading, Seen
from worker.engine.port import Placed

PAD = 0  # the token of a picture's rows


class ScriptedPreparer:
    """The prompt is every message's role and text, a line each. Same interface as Preparer.

    `opens_thought`: a prompt ends inside an open thought if one is wanted, as the templates of Qwen3.5 make it.
    """

    sees = True

    def __init__(self, context: int, format: ChatFormat = "qwen-xml", opens_thought: bool = False) -> None:
        self._context = context
        self._format = format
        self._opens_thought = opens_thought

    async def start(self) -> None:
        """Do nothing: there is no child to start."""

    async def prepare(self, request: ChatRequest, delivered: tuple[int, ...], seen: tuple[Seen, ...] = ()) -> Prepared:
        """Make a prompt of roles and contents, a token for each byte and for each patch of the pictures `seen`. Raises
        SupernetError if it is too long."""
        prompt = b""
        anchors: list[int] = []
        placed: list[Placed] = []
        left = iter(zip(pictures_of(request), seen, strict=True))
        for message in request.messages:
            prompt += f"{message.role}: ".encode()
            done = 0
            for image, one in islice(left, len(message.images)):
                prompt += message.content[done : image.at].encode()
                placed.append(Placed(len(prompt), one.columns, one.rows, one.digest))
                prompt += bytes([PAD]) * (one.columns * one.rows)
                done = image.at
            prompt += f"{message.content[done:]}\n".encode()
            anchors.append(len(prompt))
        if len(prompt) + 1 > self._context:
            raise SupernetError(
                ErrorCode.CONTEXT_LENGTH_EXCEEDED,
                f"The messages come to {len(prompt)} tokens, and {self._context} is all there is: shorten them.",
                param="messages",
            )
        if any(token > 255 for token in delivered):
            raise SupernetError(ErrorCode.INVALID_REQUEST, "a delivered token is outside of this vocabulary")
        tools = () if request.tool_choice == "none" else request.tools
        opened = self._opens_thought and request.thinking
        parallel = request.parallel_tool_calls
        reading = Reading(self._format, opened, reasons=True, tools=tools, stop=request.stop, parallel=parallel)
        pieces = tuple(bytes([token]) for token in delivered)
        return Prepared(tuple(prompt), tuple(anchors), reading, pieces, pictures=tuple(placed))

    async def check(self, schema: dict[str, Any], text: str) -> tuple[str, ...]:
        """Find nothing: there is no library here."""
        return ()

    async def close(self) -> None:
        """Do nothing: there is no child to end."""
