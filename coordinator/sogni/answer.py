"""Parts of an answer -> what the SDKs gather: `jobTokens`, and at the end `llmJobResult`.

Their chunks have no place for a thought. As on the service's own workers it stands in the text between <think> and
</think>, closed even when the answer ends within it; `request.py` takes it out again when it is sent back.
"""

from collections.abc import Sequence
from typing import Any, assert_never

from coordinator.openai.chat_response import Envelope, call_id, usage_json
from coordinator.openai.json_body import Json
from wire.chat import CallDelta, Content, FinishReason, Notice, Part, Reasoning, Usage

OPEN, CLOSE = "<think>\n", "\n</think>\n\n"


class JobTokens:
    """The `jobTokens` of one job: `tokens` for what has come, then `finish`.

    `job_id` is the client's own; ids of calls are made of the envelope's, as everywhere. `warnings` are of the request,
    and of the answer once it has finished.
    """

    def __init__(self, job_id: str, envelope: Envelope, warnings: Sequence[str] = ()) -> None:
        self._job_id = job_id
        self._envelope = envelope
        self._begun = self._thinking = False
        self.warnings = list(warnings)

    def tokens(self, parts: Sequence[Part]) -> Json | None:
        """All parts in one frame; None if a client has nothing of them."""
        text: list[str] = []
        calls: list[Json] = []
        for part in parts:
            match part:
                case Content():
                    text += [self._outside(), part.text] if part.text else []
                case Reasoning():
                    text += [self._inside(), part.text] if part.text else []
                case CallDelta():
                    text.append(self._outside())
                    self._call(calls, part)
                case Notice():
                    self.warnings.append(part.text)
                case _:
                    assert_never(part)
        content = "".join(text)
        return self._frame(content, **({"tool_calls": calls} if calls else {})) if content or calls else None

    def finish(self, reason: FinishReason, usage: Usage) -> Json:
        return self._frame(self._outside(), finishReason=reason, usage=usage_json(usage))

    def result(self, usage: Usage, seconds: float, worker: str, cost: dict[str, str]) -> Json:
        """`llmJobResult`. `worker` is a pseudonym."""
        tokens = {"inputTokens": usage.prompt, "outputTokens": usage.completion}
        told: Json = {"jobID": self._job_id, "usage": usage_json(usage), "timeTaken": round(seconds, 3)}
        told |= {"workerName": worker, "cost": {**cost, **tokens}}
        return {**told, "warnings": self.warnings} if self.warnings else told

    def _frame(self, content: str, **more: Any) -> Json:
        role = {} if self._begun else {"role": "assistant"}
        self._begun = True
        return {"jobID": self._job_id, "content": content, **role, **more}

    def _inside(self) -> str:
        opened, self._thinking = self._thinking, True
        return "" if opened else OPEN

    def _outside(self) -> str:
        opened, self._thinking = self._thinking, False
        return CLOSE if opened else ""

    def _call(self, calls: list[Json], part: CallDelta) -> None:
        """Add a piece of a call, to the piece before it where that is of the same."""
        if part.name is None and calls and calls[-1]["index"] == part.index:
            calls[-1]["function"]["arguments"] += part.arguments
        elif part.name is None:
            calls.append({"index": part.index, "function": {"arguments": part.arguments}})
        else:
            identity = {"id": call_id(self._envelope, 0, part.index), "type": "function"}
            function = {"name": part.name, "arguments": part.arguments}
            calls.append({"index": part.index, **identity, "function": function})
