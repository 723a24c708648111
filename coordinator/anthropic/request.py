"""One HTTP body of `POST /v1/messages` -> the same ChatJob that chat completions make.

Fields with the same meaning as in chat completions are read by the same readers, within the same bounds. That includes
those which Anthropic does not have (`seed`, `min_p`, penalties, `logit_bias`, `task_profile`, `token_type`).

What is decided here, because the fields alone do not say it:

- The model thinks where `thinking` (enabled or adaptive) asks for it, and not otherwise: code for this API takes the
  first block of an answer for its text unless it asked for a thought.
- `budget_tokens` bounds the thought; without it the effort does, as in chat completions.
- `context_management` with `clear_thinking_20251015` that keeps all is what Qwen's templates call preserve_thinking.
  Other edits shorten a conversation on the server; here nothing is dropped unasked, and they have no effect.
"""

from collections.abc import Mapping
from typing import Any

from coordinator.anthropic.conversation import read_conversation
from coordinator.anthropic.fields import MessagesFields
from coordinator.anthropic.tools import read_format, read_toolbox
from coordinator.openai.chat_request import (
    MAX_LABEL_CHARS,
    read_limit,
    read_model,
    read_profile,
    read_sampling,
    read_seed,
    read_stop,
    read_token_type,
)
from coordinator.openai.fields import agreed, kind
from coordinator.openai.images import Pictures
from coordinator.openai.json_body import MAX_PICTURES_BODY_BYTES, Json, load
from coordinator.openai.thinking import BUDGETS, read_effort
from coordinator.request import ChatJob
from wire.catalog import Catalog, ModelSpec
from wire.chat import ChatRequest
from wire.errors import ErrorCode, SupernetError, invalid

MODEL_ADVICE = (
    "In Claude Code the environment names it: ANTHROPIC_MODEL, and ANTHROPIC_DEFAULT_HAIKU_MODEL (SONNET, OPUS) for"
    " tasks that ask for one of these."
)
THINKING = ("enabled", "adaptive", "disabled", "between_tools")
KEEPS_THOUGHTS: Json = {"type": "clear_thinking_20251015", "keep": "all"}


def parse(body: bytes, catalog: Catalog, headers: Mapping[str, str]) -> ChatJob:
    """The job that a request asks for.

    Raises SupernetError: invalid_request with the field as `param`, model_not_found, request_too_large.
    """
    fields = MessagesFields(load(body, MAX_PICTURES_BODY_BYTES))
    fields.by_the_lists()
    model = _model(fields, catalog)
    pictures = Pictures(model, catalog)
    request = _request(fields, model, pictures)
    pictures.finish(body, fields)
    job = ChatJob(
        model=model,
        request=request,
        n=1,
        seed=read_seed(fields),
        stream=fields.flag("stream") or False,
        include_usage=False,  # an answer always has it
        continuous_usage=False,
        token_type=read_token_type(fields, headers),
        user=_user(fields),
        metadata={},
        warnings=fields.warnings,
        blobs=pictures.blobs,
        pictures=tuple(pictures.places),
    )
    fields.finish()
    return job


def _model(fields: MessagesFields, catalog: Catalog) -> ModelSpec:
    try:
        return read_model(fields, catalog)
    except SupernetError as error:
        if error.code is not ErrorCode.MODEL_NOT_FOUND:
            raise
        raise SupernetError(error.code, f"{error.message} {MODEL_ADVICE}", param=error.param) from None


def _request(fields: MessagesFields, model: ModelSpec, pictures: Pictures) -> ChatRequest:
    conversation = read_conversation(fields, pictures)
    toolbox = read_toolbox(fields, conversation.changes)
    limit = read_limit(fields, "max_tokens")
    effort, schema = _output(fields)
    thinking, budget = _thinking(fields, model, effort, any(one.role == "tool" for one in conversation.messages[-1:]))
    return ChatRequest(
        messages=tuple(conversation.messages),
        tools=toolbox.tools,
        tool_choice=toolbox.choice,
        parallel_tool_calls=toolbox.parallel,
        json_schema=schema,
        json_schema_strict=schema is not None,
        thinking=thinking,
        preserve_thinking=_keeps_thoughts(fields) and model.thinking,
        reasoning_budget=budget,
        max_tokens=min(limit or model.max_output, model.max_output),
        stop=read_stop(fields, "stop_sequences"),
        sampling=read_sampling(fields, model.presets.choose(read_profile(fields, developer=False), thinking), None),
    )


def _output(fields: MessagesFields) -> tuple[str | None, Json | None]:
    """The effort, and the schema of the answer, which had a field of its own before it moved into `output_config`."""
    before = read_format(fields, "output_format")
    inner = fields.inner("output_config")
    if inner is None:
        return None, before
    effort, schema = read_effort(inner, "effort"), read_format(inner, "format")
    inner.accept("task_budget")
    inner.finish()
    return effort, agreed((inner.at("format"), schema), ("output_format", before))


def _thinking(
    fields: MessagesFields, model: ModelSpec, effort: str | None, after_a_tool: bool
) -> tuple[bool, int | None]:
    """Whether to think, and the bound of the thought in tokens."""
    inner = fields.inner("thinking")
    given, budget = None, None
    if inner is not None:
        given = inner.choice("type", THINKING)
        if given is None:
            raise invalid("thinking.type", "Missing required parameter: 'thinking.type'.")
        budget = inner.integer("budget_tokens", 1)
        inner.accept("display", "block_binding")
        inner.finish()
    if given == "between_tools":
        given = "adaptive" if after_a_tool else "disabled"
    if not model.thinking or given not in ("enabled", "adaptive"):
        return False, None
    if budget is not None:
        return True, min(budget, model.max_output)
    return True, BUDGETS[effort] if effort is not None else None


def _keeps_thoughts(fields: MessagesFields) -> bool:
    value: Any = fields.take("context_management")
    edits = value.get("edits") or [] if isinstance(value, dict) else value
    if not isinstance(edits, list | None):
        message = f"Invalid type for 'context_management': expected an object with a list of edits, got {kind(value)}."
        raise invalid("context_management", message)
    return KEEPS_THOUGHTS in (edits or [])


def _user(fields: MessagesFields) -> str | None:
    """`metadata.user_id`; other keys are the caller's own labels."""
    given: Any = fields.take("metadata")
    if given is None:
        return None
    if not isinstance(given, dict):
        raise fields.wrong_type("metadata", "an object", given)
    user = given.get("user_id")
    if user is not None and not (isinstance(user, str) and len(user) <= MAX_LABEL_CHARS):
        message = f"Invalid 'metadata.user_id': expected a string of at most {MAX_LABEL_CHARS} characters."
        raise invalid("metadata.user_id", message)
    return user
