"""The preparer that goes with ScriptedEngine: no file, no template, one token per byte of UTF-8."""

from wire.catalog import ChatFormat
from wire.chat import ChatRequest
from wire.errors import ErrorCode, SupernetError
from worker.chat.prepared import Prepared, Reading


class ScriptedPreparer:
    """The prompt is every message's role and text, a line each. Same interface as Preparer.

    `opens_thought`: a prompt ends inside an open thought if one is wanted, as the templates of Qwen3.5 make it.
    """

    def __init__(self, context: int, format: ChatFormat = "qwen-xml", opens_thought: bool = False) -> None:
        self._context = context
        self._format = format
        self._opens_thought = opens_thought

    async def start(self) -> None:
        """Nothing to start."""

    async def prepare(self, request: ChatRequest, delivered: tuple[int, ...]) -> Prepared:
        prompt = b""
        anchors: list[int] = []
        for message in request.messages:
            prompt += f"{message.role}: {message.content}\n".encode()
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
        return Prepared(tuple(prompt), tuple(anchors), reading, tuple(bytes([token]) for token in delivered))

    async def close(self) -> None:
        """Nothing to close."""
