"""From a request to its prompt: the model's own template rendered and tokenised, and how the answer must be read."""

import json
from datetime import datetime
from typing import Any

from wire.catalog import ChatFormat
from wire.chat import ChatRequest, Message
from wire.errors import ErrorCode, SupernetError, invalid
from worker.chat.dialect import Dialect, Pieces, dialect_of
from worker.chat.grammar import check, constrained
from worker.chat.history import conversation, flat_conversation, shown, tool_definitions
from worker.chat.pictures import pictures_of
from worker.chat.prepared import Prepared, Reading, Seen, Tokenizer
from worker.chat.prompt_tokens import anchors, prompt_tokens
from worker.chat.special_tokens import SpecialTokens, special_tokens
from worker.chat.surrogates import plain
from worker.chat.thought import CLOSE, OPEN, is_closed_thought, split_thought
from worker.chat.tool_call import CALL_OPEN, FUNCTION_OPEN
from worker.engine.constraint import ReasoningLimit

_LEAST_ANSWER = 64  # tokens kept for the answer behind a thought


def prepare(
    request: ChatRequest,
    delivered: tuple[int, ...],
    context: int,
    tokenizer: Tokenizer,
    format: ChatFormat,
    now: datetime | None = None,
    seen: tuple[Seen, ...] = (),
) -> Prepared:
    """Render a request, tokenise it, and say how to read the answer.

    `delivered`: tokens of the answer that were made elsewhere; its pieces are returned too. `context`: tokens of prompt
    and answer together. `now` is for templates that print a date; none of Qwen's does. `seen`: the pictures of the
    request, in the order of `pictures_of`.

    A last message of the assistant is continued: its text, or its thought if it has no text yet; behind a thought that
    it closed, it does not think again. Where the template does not allow that (a call at the end, a turn that it closes
    in an unusual way) it is history, and a new turn begins.

    Raises SupernetError: CONTEXT_LENGTH_EXCEEDED if not one token fits behind the prompt, INVALID_REQUEST for what the
    template refuses or a schema beyond its bounds, MODEL_NOT_LOADED if the model's own file cannot be used.
    """
    check(request, format)
    request = _without_second_thought(request)
    _check_bias(request, tokenizer.size)
    special, dialect = _usable(tokenizer)
    pieces = _pieces(request, dialect, format, now)
    tokens, placed = prompt_tokens(pieces, _in_prompt(request, dialect, seen), special, tokenizer, context, request)
    in_reasoning = _opens_thought(pieces)
    held = constrained(request, format, special.ids, in_reasoning)
    reading = Reading(
        format=format,
        in_reasoning=in_reasoning,
        reasons=OPEN in special.ids,
        tools=request.tools if request.tool_choice != "none" else (),
        stop=request.stop,
        parallel=request.parallel_tool_calls,
        demanded=request.tool_choice not in ("auto", "none"),
        held=held is not None,
        whole=request.json_schema is not None,
        # a template that does not write calls itself is told of them in plain text, so they may come back as such
        tokens=tuple(tag for tag in (OPEN, CLOSE, CALL_OPEN) if tag in dialect.template.writes),
    )
    return Prepared(
        prompt=tuple(tokens),
        anchors=anchors(
            tokens, special.ids.get(dialect.start or ""), _reminders(request) * dialect.late_system, placed
        ),
        reading=reading,
        delivered_pieces=tuple(tokenizer.piece(token) for token in delivered),
        constraint=held.constraint if held else None,
        unheld=held.unheld if held else (),
        reasoning=_reasoning_limit(
            request, special, tokenizer, reading, room=min(request.max_tokens, context - len(tokens))
        ),
        pictures=placed,
    )


def sees(tokenizer: Tokenizer) -> bool:
    """Whether the model's template shows it pictures. Raises SupernetError (model_not_loaded) as `prepare` does."""
    return _usable(tokenizer)[1].sees


def _in_prompt(request: ChatRequest, dialect: Dialect, seen: tuple[Seen, ...]) -> list[Seen]:
    """The pictures in the order in which the prompt shows them. The same file is the same picture wherever it is."""
    pictures = pictures_of(request)
    if len(pictures) != len(seen):
        raise ValueError(f"{len(pictures)} pictures, and {len(seen)} were read")
    if seen and not dialect.sees:
        raise invalid("messages", "This model takes text only: send the messages without pictures.")
    read = {(one.sha256, one.most): picture for one, picture in zip(pictures, seen, strict=True)}
    return [read[one.sha256, one.most] for one in shown(request, dialect.late_system)] if seen else []


def _check_bias(request: ChatRequest, size: int) -> None:
    """Only here is the vocabulary known, and a client still told so before anything is promised."""
    outside = next((token for token, _ in request.sampling.logit_bias if token >= size), None)
    if outside is not None:
        message = f"Invalid 'logit_bias': this model has tokens 0 to {size - 1}, and {outside} is none of them."
        raise SupernetError(ErrorCode.INVALID_REQUEST, message, param="logit_bias")


def _usable(tokenizer: Tokenizer) -> tuple[SpecialTokens, Dialect]:
    try:
        special = special_tokens(tuple(tokenizer.special.items()))
        return special, dialect_of(tokenizer, special)
    except ValueError as error:
        raise SupernetError(
            ErrorCode.MODEL_NOT_LOADED, f"This model's file cannot be used for chat: {error}"
        ) from error


# ---- text ------------------------------------------------------------------------------------------------------------


def _without_second_thought(request: ChatRequest) -> ChatRequest:
    """The same request, without thinking if its last message is a thought that was closed; and without that message if
    the thought is empty, as such a one is what templates write where no thinking is wanted."""
    *before, last = request.messages or (Message(role="user"),)
    if last.role != "assistant" or last.tool_calls or not _is_closed(last):
        return request
    thought, _ = split_thought(last.content)
    return request.model_copy(update={"thinking": False, "messages": request.messages if thought else tuple(before)})


def _is_closed(last: Message) -> bool:
    return last.reasoning is None and is_closed_thought(last.content)


def _pieces(request: ChatRequest, dialect: Dialect, format: ChatFormat, now: datetime | None) -> Pieces:
    tools = tool_definitions(request.tools) if request.tool_choice != "none" else []
    in_place = dialect.late_system
    entries = conversation(request, in_place) if dialect.tools else flat_conversation(request, tools, format, in_place)
    variables: dict[str, Any] = {
        "tools": tools if tools and dialect.tools else None,
        "enable_thinking": request.thinking,
        "preserve_thinking": request.preserve_thinking,
    }
    last = request.messages[-1] if request.messages else None
    if last is not None and last.role == "assistant" and not last.tool_calls:
        if not _words(entries[-1]):
            entries.pop()
        else:
            whole = dialect.render(entries, variables | {"add_generation_prompt": False}, now)
            open_end = _continued(whole, entries[-1], dialect.end, _is_closed(last))
            if open_end is not None:
                return open_end
            if not entries[-1]["content"].strip():  # a thought that this template does not show
                entries.pop()
    pieces = dialect.render(entries, variables | {"add_generation_prompt": True}, now)
    return _switched(pieces, dialect, request.thinking)


def _continued(pieces: Pieces, last: dict[str, Any], end: str | None, closed: bool) -> Pieces | None:
    """The prompt cut right behind the last message's own words, or behind the end of its thought if that is `closed`;
    None if they are not the last thing in it."""
    while pieces and not pieces[-1][0] and not pieces[-1][1].strip():
        pieces = pieces[:-1]
    if end is None or not pieces or pieces[-1] != (True, end):
        return None
    whole = pieces = pieces[:-1]
    words = _words(last)
    if not last["content"].strip():
        while pieces and (pieces[-1] == (True, CLOSE) or not pieces[-1][1].strip()):
            pieces = pieces[:-1]
    if not pieces or pieces[-1][0] or not pieces[-1][1].rstrip().endswith(words):
        return None
    return whole if closed else [*pieces[:-1], (False, pieces[-1][1].rstrip())]


def _words(entry: dict[str, Any]) -> str:
    """What a message ends with: its text, or its thought if it got no further."""
    words: str = entry["content"].strip() or entry.get("reasoning_content", "").strip()
    return words


def _switched(pieces: Pieces, dialect: Dialect, thinking: bool) -> Pieces:
    """No thought is wanted, but the template has no switch for that: write an empty one, as those with a switch do."""
    if thinking or dialect.switch or not dialect.thinks:
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


def _reminders(request: ChatRequest) -> int:
    """The system messages that end the conversation, each a turn of its own behind the results of calls."""
    count = 0
    for message in reversed(request.messages):
        if message.role in ("user", "assistant"):
            return count
        count += message.role == "system" and bool(message.content.strip())
    return 0


# ---- how its answer is read ------------------------------------------------------------------------------------------


def _heads(name: str) -> tuple[str, ...]:
    """How a call of this tool begins, in either notation: `Answer` takes both, and a tag that lacks its end."""
    named = f"{FUNCTION_OPEN}{name}"
    return tuple(map(plain, (f"{named}>", f"{named}<", f'{{"name":{json.dumps(name, ensure_ascii=False)}')))


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
