"""The bytes of an answer, token by token, back into structure: content, reasoning and tool calls."""

import codecs
import re
from typing import Literal

from wire.chat import CallDelta, Content, FinishReason, Notice, Part
from worker.chat.parts import Parts
from worker.chat.prepared import Reading
from worker.chat.qwen_json import JsonCall
from worker.chat.qwen_xml import XmlCall
from worker.chat.stops import held_from
from worker.chat.thought import CLOSE, OPEN, Thought
from worker.chat.tool_call import CALL_OPEN, FUNCTION_OPEN, MARK, Call, Sink

_MOST_BLANKS = 256  # white space held back before text whose kind is not known yet


class Answer:
    """Takes one answer apart: `push` it token by token, then `finish` it. What `Reading` says decides how.

    The parts of all pushes add up to the message, and nothing is ever taken back. They depend on the bytes alone, so
    replaying delivered tokens in silence leads to the same state. Every push costs time in proportion to its piece.

    - A thought ends at `</think>`, or at a call of a declared tool.
    - A call that cannot be read, or calls a tool that was not declared, is content, with a Notice.
    - Where calls may not be parallel, the first one ends the answer.
    - What a token limit cuts before a call has its name is content too, as it may be text; but where a grammar let
      nothing but calls through, it can be none, and is left out.
    - A tag of `Reading.tokens` counts only if it is a whole piece: a model that quotes a text with tags in it neither
      ends its thought nor calls anything.

    `reasoning_tokens`: pushes so far that had some of a thought in them.
    """

    def __init__(self, reading: Reading) -> None:
        self.reasoning_tokens = 0
        self._reads_thoughts = reading.reasons or reading.in_reasoning
        self._tools = {tool.name: tool for tool in reading.tools}
        self._tokens = frozenset(tag.encode() for tag in reading.tokens)
        self._open, self._close, self._call_open = (
            tag + MARK if tag in reading.tokens else tag for tag in (OPEN, CLOSE, CALL_OPEN)
        )
        self._openers = (self._call_open, *_bare_openers(reading)) if self._tools else ()
        self._openers_in_text = () if reading.whole else self._openers
        self._any_opener = _any(self._openers_in_text)
        self._thought_ends = (self._close, self._call_open) if self._tools else (self._close,)
        self._any_thought_end = _any(self._thought_ends)
        self._parts = Parts(reading.stop)
        self._parallel = reading.parallel
        self._demanded = reading.demanded
        self._held = reading.held
        self._called = False  # the only call that may be made was made
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._text = ""  # read but not understood yet: bounded, see the steps
        self._mode: Literal["thought", "blank", "content", "opening", "call"] = "blank"
        self._blanks = ""
        self._behind_block = False  # blank text here stands behind a thought or a call, and belongs to neither
        self._from_thought = False  # the call was opened inside a thought
        self._raw: list[str] = []  # the call as it was written, until it has a name
        self._sink = Sink(self._tools, 0)
        self._call: Call | None = None
        self._calls = 0
        if reading.in_reasoning:
            self._mode = "thought"

    @property
    def stopped(self) -> bool:
        """A stop string was found, or the only call made: generation should be cancelled, and finish("stop") called."""
        return self.stop is not None or self._called

    @property
    def stop(self) -> str | None:
        """The stop string that ended the answer."""
        return self._parts.stops.matched

    def push(self, piece: bytes) -> list[Part]:
        """Read the bytes of one token; returns the parts that are certain now, none once `stopped`."""
        if self.stopped:
            return []
        thinking = self._thinking()
        self._read(self._decoder.decode(piece) + (MARK if piece in self._tokens else ""), final=False)
        if thinking or self._thinking():
            self.reasoning_tokens += 1
        return self._parts.take()

    def finish(self, reason: Literal["stop", "length"]) -> tuple[list[Part], FinishReason]:
        """End the answer; returns its last parts, and why it ended in the client's words.

        `length`: it was cut, and the arguments of an open call stay as they are; with `stop` they are completed to
        valid JSON. To be called once.
        """
        cut = reason == "length"
        if not self.stopped:
            if cut and self._demanded and self._mode in ("blank", "content"):
                self._text = self._text[: held_from(self._text, 0, self._openers)]
            self._read(self._decoder.decode(b"", final=True), final=True)
        self._end(cut)
        self._parts.flush_content()
        finish: FinishReason = "tool_calls" if self._calls and reason == "stop" else reason
        return self._parts.take(), finish

    # ---- reading ---------------------------------------------------------------------------------------------------

    def _read(self, text: str, final: bool) -> None:
        text = self._text + text
        at = 0
        while not self.stopped:
            before, mode, call = at, self._mode, self._call
            match mode:
                case "thought":
                    at = self._in_thought(text, at, final)
                case "blank":
                    at = self._in_blank(text, at, final)
                case "content":
                    at = self._in_content(text, at, final)
                case "opening":
                    at = self._in_opening(text, at)
                case "call":
                    at = self._in_call(text, at)
            if (at == len(text) and not final) or (at == before and mode == self._mode and call is self._call):
                break
        self._text = text[at:]

    def _in_thought(self, text: str, at: int, final: bool) -> int:
        if self._parts.thought.empty:
            at = _skip_blank(text, at)
            if text.startswith(self._open, at):
                return at + len(self._open)
        edge, tag = _first(text, at, self._any_thought_end)
        if tag is None and not final:
            tags = (self._open, *self._thought_ends) if self._parts.thought.empty else self._thought_ends
            edge = held_from(text, at, tags)
        self._parts.reasoning(text[at:edge])
        if tag == self._close:
            self._leave_block()
        elif tag is not None:
            self._open_call(tag, from_thought=True)
        return edge + len(tag or "")

    def _in_blank(self, text: str, at: int, final: bool) -> int:
        """Before the first word: a thought, a call and content are all still possible."""
        start, at = at, _skip_blank(text, at)
        self._blanks += text[start:at]
        if self._behind_block:
            self._blanks = self._blanks.rpartition("\n")[2][-_MOST_BLANKS:]
        elif len(self._blanks) > _MOST_BLANKS:
            self._mode = "content"
        tags = (*self._openers, self._open, self._close) if self._reads_thoughts else self._openers
        tag = next((tag for tag in tags if text.startswith(tag, at)), None)
        if tag == self._open:
            self._mode, self._blanks, self._parts.thought = "thought", "", Thought()
        elif tag == self._close:
            self._blanks, self._behind_block = "", True
        elif tag is not None:
            self._open_call(tag, from_thought=False)
        elif at < len(text) and (final or held_from(text, at, tags) != at):
            self._mode = "content"
        if self._mode == "content":
            self._parts.content(self._blanks)
            self._blanks = ""
        return at + len(tag or "")

    def _in_content(self, text: str, at: int, final: bool) -> int:
        edge, tag = _first(text, at, self._any_opener)
        if tag is None and not final:
            edge = held_from(text, at, self._openers_in_text)
        self._parts.content(text[at:edge])
        if tag is not None and not self.stopped:
            self._open_call(tag, from_thought=False)
        return edge + len(tag or "")

    # ---- calls -----------------------------------------------------------------------------------------------------

    def _open_call(self, tag: str, from_thought: bool) -> None:
        self._from_thought = from_thought
        self._raw = [tag]
        self._sink = Sink(self._tools, self._calls)
        self._call = None
        self._mode = "opening"
        if tag != self._call_open:  # the whole of <function=NAME>, without the tag around it
            self._call = XmlCall(self._sink, self._held)
            self._call.take(tag, 0)
            self._mode = "call"

    def _in_opening(self, text: str, at: int) -> int:
        """Either notation is understood whatever the model's own is: the first character decides."""
        start, at = at, _skip_blank(text, at)
        self._raw.append(text[start:at])
        if at < len(text):
            self._call = JsonCall(self._sink) if text[at] == "{" else XmlCall(self._sink, self._held)
            self._mode = "call"
        return at

    def _in_call(self, text: str, at: int) -> int:
        assert self._call is not None
        start, at = at, self._call.take(text, at)
        self._give_out_call(text[start:at])
        if self._call.state == "refused":
            self._refuse()
        elif self._call.state == "done":
            self._end_call()
        return at

    def _give_out_call(self, taken: str) -> None:
        """Pass on what the call made; it counts as made from the moment it has a name."""
        if not self._sink.named:
            self._raw.append(taken)
            return
        if self._raw:
            self._raw = []
            self._calls += 1
            self._parts.flush_content()
        for part in self._sink.parts:
            match part:
                case Content(text=text):
                    self._parts.content(text)
                case CallDelta():
                    self._parts.call(part)
                case Notice(text=text):
                    self._parts.notice(text)
        self._sink.parts.clear()

    def _refuse(self) -> None:
        """Nothing of the call was given out: it is the text it looks like, and reading goes on behind it."""
        raw = "".join(self._raw)
        self._call = None
        if self._from_thought:  # a thought about calls
            self._mode = "thought"
            self._parts.reasoning(raw)
            return
        self._mode = "content"
        self._parts.content(self._blanks + raw)
        self._blanks = ""
        self._parts.notice(self._sink.refusal or "a tool call could not be read")

    def _end_call(self) -> None:
        self._call = None
        self._called = not self._parallel
        self._leave_block()

    def _leave_block(self) -> None:
        """A thought or a call has ended: another one, or content, may follow."""
        self._mode, self._blanks, self._behind_block = "blank", "", True

    # ---- ends ------------------------------------------------------------------------------------------------------

    def _end(self, cut: bool) -> None:
        if self._mode == "call" and self._call is not None:
            self._call.end(self._text, 0, cut)
        if cut and self._demanded and self._mode in ("opening", "call") and not self._sink.named:
            self._parts.notice("the answer was cut before its call had a name")
        elif self._mode == "opening":
            self._refuse()
        elif self._mode == "call" and self._call is not None and self._call.state == "refused":
            self._raw.append(self._text)
            self._refuse()
        elif self._mode == "call":
            self._give_out_call("")

    def _thinking(self) -> bool:
        return self._mode == "thought" or (self._mode in ("opening", "call") and self._from_thought and bool(self._raw))


def _bare_openers(reading: Reading) -> tuple[str, ...]:
    """Qwen3-Coder at times leaves out the first `<tool_call>`; naming a declared tool is as good."""
    return tuple(f"{FUNCTION_OPEN}{tool.name}>" for tool in reading.tools) if reading.format == "qwen-xml" else ()


def _skip_blank(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _any(tags: tuple[str, ...]) -> re.Pattern[str] | None:
    return re.compile("|".join(map(re.escape, tags))) if tags else None


def _first(text: str, at: int, tags: re.Pattern[str] | None) -> tuple[int, str | None]:
    """Where the first of `tags` stands, and which it is; (end of the text, None) if none does."""
    found = tags.search(text, at) if tags else None
    return (found.start(), found.group()) if found else (len(text), None)
