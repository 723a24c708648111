"""A request made ready: the model's own template rendered, tokens made of it, and how the answer must be read."""

import json
from datetime import datetime
from typing import Any

from wire.catalog import ChatFormat
from wire.chat import ChatRequest
from wire.errors import ErrorCode, SupernetError
from worker.chat.dialect import Dialect, Pieces, dialect
from worker.chat.grammar import check, constraint
from worker.chat.history import conversation, flat_conversation, tool_definitions
from worker.chat.prepared import Prepared, Reading, Tokenizer
from worker.chat.special_tokens import SpecialTokens, special_tokens
from worker.chat.surrogates import plain
from worker.chat.thought import CLOSE, OPEN
from worker.chat.tool_call import CALL_OPEN, FUNCTION_OPEN
from worker.engine.port import ReasoningLimit

_MOST_ANCHORS = 64
_FAR_TOO_LONG = 2  # contexts: up to there a client is told how long exactly its messages are
_LEAST_ANSWER = 64  # tokens kept for the answer behind a thought


def prepare(
    request: ChatRequest,
    delivered: tuple[int, ...],
    context: int,
    tokenizer: Tokenizer,
    format: ChatFormat,
    now: datetime | None = None,
) -> Prepared:
    """Render, tokenise, and say how to read the answer. `context` in tokens, prompt and answer together.

    A last message of the assistant is continued: its text, or its thought if it has no text yet. Where the template
    does not allow that (a call at the end, a turn that it closes in an unusual way) it is history, and a new turn
    begins. `now` is for templates that print a date; none of Qwen's does.

    Raises SupernetError: CONTEXT_LENGTH_EXCEEDED if not one token fits behind the prompt, INVALID_REQUEST for what the
    template refuses or a schema beyond its bounds, MODEL_NOT_LOADED if the model's own file cannot be used.
    """
    check(request, format)
    _check_bias(request, tokenizer.size)
    special, speech = _usable(tokenizer)
    pieces = _pieces(request, speech, format, now)
    tokens = _tokens(pieces, special, tokenizer, context)
    in_reasoning = _opens_thought(pieces)
    reading = Reading(
        format=format,
        in_reasoning=in_reasoning,
        reasons=OPEN in special.ids,
        tools=request.tools if request.tool_choice != "none" else (),
        stop=request.stop,
        parallel=request.parallel_tool_calls,
        demanded=request.tool_choice not in ("auto", "none"),
        whole=request.json_schema is not None,
        # a template that does not write calls itself is told of them in plain text, so they may come back as such
        tokens=tuple(tag for tag in (OPEN, CLOSE, CALL_OPEN) if tag in speech.template.writes),
    )
    return Prepared(
        prompt=tuple(tokens),
        anchors=_anchors(tokens, special.ids.get(speech.start or "")),
        reading=reading,
        delivered_pieces=tuple(tokenizer.piece(token) for token in delivered),
        constraint=constraint(request, format, special.ids, in_reasoning),
        reasoning=_reasoning_limit(
            request, special, tokenizer, reading, room=min(request.max_tokens, context - len(tokens))
        ),
    )


def _check_bias(request: ChatRequest, size: int) -> None:
    """Only here is the vocabulary known, and a client still told so before anything is promised."""
    outside = next((token for token, _ in request.sampling.logit_bias if token >= size), None)
    if outside is not None:
        message = f"Invalid 'logit_bias': this model has tokens 0 to {size - 1}, and {outside} is none of them."
        raise SupernetError(ErrorCode.INVALID_REQUEST, message, param="logit_bias")


def _usable(tokenizer: Tokenizer) -> tuple[SpecialTokens, Dialect]:
    try:
        special = special_tokens(tuple(tokenizer.special.items()))
        return special, dialect(tokenizer, special)
    except ValueError as error:
        raise SupernetError(
            ErrorCode.MODEL_NOT_LOADED, f"This model's file cannot be used for chat: {error}"
        ) from error


# ---- text ------------------------------------------------------------------------------------------------------------


def _pieces(request: ChatRequest, speech: Dialect, format: ChatFormat, now: datetime | None) -> Pieces:
    tools = tool_definitions(request.tools) if request.tool_choice != "none" else []
    entries = conversation(request) if speech.tools else flat_conversation(request, tools, format)
    variables: dict[str, Any] = {
        "tools": tools if tools and speech.tools else None,
        "enable_thinking": request.thinking,
        "preserve_thinking": request.preserve_thinking,
    }
    last = request.messages[-1] if request.messages else None
    if last is not None and last.role == "assistant" and not last.tool_calls:
        if not _words(entries[-1]):
            entries.pop()
        else:
            variables |= {"messages": entries, "add_generation_prompt": False}
            open_end = _continued(speech.template.render(variables, now), entries[-1], speech.end)
            if open_end is not None:
                return open_end
            if not entries[-1]["content"].strip():  # a thought that this template does not show
                entries.pop()
    variables |= {"messages": entries, "add_generation_prompt": True}
    return _switched(speech.template.render(variables, now), speech, request.thinking)


def _continued(pieces: Pieces, last: dict[str, Any], end: str | None) -> Pieces | None:
    """The prompt cut right behind the last message's own words; None if they are not the last thing in it."""
    while pieces and not pieces[-1][0] and not pieces[-1][1].strip():
        pieces = pieces[:-1]
    if end is None or not pieces or pieces[-1] != (True, end):
        return None
    pieces = pieces[:-1]
    words = _words(last)
    if not last["content"].strip():
        while pieces and (pieces[-1] == (True, CLOSE) or not pieces[-1][1].strip()):
            pieces = pieces[:-1]
    if not pieces or pieces[-1][0] or not pieces[-1][1].rstrip().endswith(words):
        return None
    return [*pieces[:-1], (False, pieces[-1][1].rstrip())]


def _words(entry: dict[str, Any]) -> str:
    """What a message ends with: its text, or its thought if it got no further."""
    words: str = entry["content"].strip() or entry.get("reasoning_content", "").strip()
    return words


def _switched(pieces: Pieces, speech: Dialect, thinking: bool) -> Pieces:
    """No thought is wanted, but the template has no switch for that: write an empty one, as those with a switch do."""
    if thinking or speech.switch or not speech.thinks:
        return pieces
    if _opens_thought(pieces):
        before = [*pieces[:-1]] if not pieces[-1][0] else pieces
        return [*before, (False, "\n\n"), (True, CLOSE), (False, "\n\n")]
    return [*pieces, (True, OPEN), (False, "\n\n"), (True, CLOSE), (False, "\n\n")]


def _opens_thought(pieces: Pieces) -> bool:
    """The last tag of a thought opens one, and no turn began since."""
    for is_special, text in reversed(pieces):
        if is_special:
            return text == OPEN
    return False


# ---- tokens ----------------------------------------------------------------------------------------------------------


def _tokens(pieces: Pieces, special: SpecialTokens, tokenizer: Tokenizer, context: int) -> list[int]:
    tokens: list[int] = []
    most = _FAR_TOO_LONG * context
    for is_special, text in pieces:
        if len(tokens) > most or special.longer_than(most - len(tokens), text, tokenizer):
            raise _too_long(f"more than {most}", context)
        tokens += [special.ids[text]] if is_special else special.tokenize(text, tokenizer)
    if len(tokens) + 1 > context:
        raise _too_long(f"{len(tokens)}", context)
    return tokens


def _too_long(found: str, context: int) -> SupernetError:
    return SupernetError(
        ErrorCode.CONTEXT_LENGTH_EXCEEDED,
        f"The messages come to {found} tokens, and this model takes at most {context} tokens, prompt and answer "
        "together. Shorten the messages.",
        param="messages",
    )


def _anchors(tokens: list[int], start: int | None) -> tuple[int, ...]:
    """Where turns begin, the generation prompt included: a later request shares the tokens before one of these. Of
    very many, those at both ends are kept: system and tools are shared by many, the last turns by the next one."""
    found = [at for at, token in enumerate(tokens) if token == start and at > 0]
    if len(found) > _MOST_ANCHORS:
        found = found[: _MOST_ANCHORS // 2] + found[-_MOST_ANCHORS // 2 :]
    return tuple(found)


def _heads(name: str) -> tuple[str, str]:
    """How a call of this tool begins, in either notation: `Answer` takes both."""
    return plain(f"{FUNCTION_OPEN}{name}>"), plain(f'{{"name":{json.dumps(name, ensure_ascii=False)}')


def _reasoning_limit(
    request: ChatRequest, special: SpecialTokens, tokenizer: Tokenizer, reading: Reading, room: int
) -> ReasoningLimit | None:
    """The thought may take three quarters of the room, less if that would leave fewer than 64 tokens for the words, or
    if the request says so: an answer that is all thought is none. Where calls are read, one ends the thought as it does
    for `Answer`: no tag is forced into its arguments. None where a thought is not wanted: a model that was shown an
    empty one would now and then write its tags into the text, or think all the same."""
    if OPEN not in special.ids or CLOSE not in special.ids:
        return None
    budget = max(0, room - max(_LEAST_ANSWER, room // 4))
    if request.reasoning_budget is not None:
        budget = min(budget, request.reasoning_budget)
    wanted = request.thinking or reading.in_reasoning
    if not wanted and CLOSE not in reading.tokens:
        return None
    close = (
        *special.tokenize("\n", tokenizer),
        special.ids[CLOSE],
        *special.tokenize("\n\n", tokenizer),
    )
    return ReasoningLimit(
        budget=budget if wanted else None,
        open=special.ids[OPEN],
        end=special.ids[CLOSE],
        close=close,
        opened=reading.in_reasoning,
        call=special.ids.get(CALL_OPEN) if reading.tools else None,
        calls=tuple(call for tool in reading.tools for call in _heads(tool.name)),
    )
