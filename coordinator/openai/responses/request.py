"""One HTTP body of `POST /v1/responses` -> the same ChatJob that chat completions make, and what the answer repeats.

The endpoint is stateless: every request brings all items, nothing is kept, and what needs a memory is refused by name.
`store`, which is true when it is absent on OpenAI, is let through with that meaning: the Response object says `false`.

Fields with the same meaning as in chat completions are read by the same readers, within the same bounds, and mean what
chat_request.py says. That includes those which OpenAI has only there or nowhere (`stop`, `seed`, `top_k`, `min_p`,
penalties, `logit_bias`, `task_profile`, `chat_template_kwargs`, `token_type`, `ignore_eos`).

`reasoning.context` says whether earlier thoughts are shown to the model again: `all_turns` is `preserve_thinking`;
the rest leaves it to the model's template, which shows those since the last question.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from coordinator.openai.chat_request import (
    BUDGETS,
    read_metadata,
    read_model,
    read_profile,
    read_sampling,
    read_seed,
    read_stop,
    read_thinking,
    read_token_type,
    read_user,
    reasoning_budget,
)
from coordinator.openai.fields import kind
from coordinator.openai.json_body import load
from coordinator.openai.responses.fields import INCLUDED, REFUSED, ResponsesFields
from coordinator.openai.responses.items import read_input
from coordinator.openai.responses.tools import Json, Toolbox, named_choice, read_text_format, read_toolbox, shown_choice
from coordinator.openai.tools import read_tool_choice
from coordinator.request import ChatJob
from wire.catalog import Catalog, ModelSpec
from wire.chat import MAX_LOGPROBS, ChatRequest
from wire.errors import invalid

LOGPROBS = "message.output_text.logprobs"
MAX_INCLUDED = 16


@dataclass(frozen=True)
class ResponsesJob:
    """`repeated` are the fields of the request as the Response object says them again, resolved.
    `names`: the model's name of a function -> `name` and `namespace` of a call of it."""

    chat: ChatJob
    repeated: Json
    names: Mapping[str, Json]


def parse(body: bytes, catalog: Catalog, headers: Mapping[str, str]) -> ResponsesJob:
    """The job that a request asks for.

    Raises SupernetError: invalid_request with the field as `param`, model_not_found, request_too_large.
    """
    fields = ResponsesFields(load(body))
    fields.refuse(REFUSED)
    fields.limit("service_tier", "prompt_cache_retention", "billing_mode", "background", "truncation")
    fields.accept("store", "prompt_cache_key", "client_metadata", "app_source", "max_tool_calls")
    model = read_model(fields, catalog)
    toolbox = read_toolbox(fields)
    instructions = fields.text("instructions")
    request, repeated = _request(fields, model, toolbox, instructions)
    job = ChatJob(
        model=model,
        request=request,
        n=1,
        seed=read_seed(fields),
        stream=_stream(fields),
        include_usage=False,  # the last event always has it
        continuous_usage=False,
        token_type=read_token_type(fields, headers),
        user=read_user(fields),
        metadata=read_metadata(fields),
    )
    fields.finish()
    return ResponsesJob(job, {**repeated, "metadata": job.metadata, "user": job.user}, toolbox.names)


def _request(
    fields: ResponsesFields, model: ModelSpec, toolbox: Toolbox, instructions: str | None
) -> tuple[ChatRequest, Json]:
    messages, developer = read_input(fields, instructions)
    effort, all_turns = _reasoning(fields, model)
    thinking, preserve = read_thinking(fields, model, effort)
    schema, text = read_text_format(fields)
    limit = fields.integer("max_output_tokens", 1)
    parallel = fields.flag("parallel_tool_calls")
    request = ChatRequest(
        messages=messages,
        tools=tuple(toolbox.tools),
        tool_choice=read_tool_choice(fields, tuple(toolbox.tools), named_choice),
        parallel_tool_calls=True if parallel is None else parallel,
        json_schema=schema,
        thinking=thinking,
        preserve_thinking=preserve or all_turns,
        reasoning_budget=reasoning_budget(thinking, effort),
        max_tokens=min(limit or model.max_output, model.max_output),
        stop=read_stop(fields),
        ignore_eos=fields.flag("ignore_eos") or False,
        sampling=read_sampling(
            fields, model.presets.choose(read_profile(fields, developer), thinking), _logprobs(fields)
        ),
    )
    repeated = {
        "instructions": instructions,
        "max_output_tokens": limit,
        "parallel_tool_calls": request.parallel_tool_calls,
        "reasoning": {
            "effort": effort,
            "summary": None,
            "context": "all_turns" if request.preserve_thinking else "current_turn",
        },
        "temperature": request.sampling.temperature,
        "text": text,
        "tool_choice": shown_choice(request.tool_choice, toolbox.names),
        "tools": toolbox.shown,
        "top_logprobs": request.sampling.top_logprobs or 0,
        "top_p": request.sampling.top_p,
    }
    return request, repeated


def _reasoning(fields: ResponsesFields, model: ModelSpec) -> tuple[str | None, bool]:
    """The effort, and whether the thoughts of all turns are to be shown to the model."""
    inner = fields.inner("reasoning")
    if inner is None:
        return None, False
    effort = inner.choice("effort", tuple(BUDGETS))
    context = inner.choice("context", ("auto", "current_turn", "all_turns"))
    inner.accept("summary", "generate_summary")
    inner.limit("mode")
    inner.finish()
    if context == "all_turns" and not model.thinking:
        raise invalid("reasoning.context", "Unsupported value for 'reasoning.context': this model cannot think.")
    return effort, context == "all_turns"


def _logprobs(fields: ResponsesFields) -> int | None:
    """How many alternatives each token comes with; None: no logprobs are wanted, neither by name nor by a number."""
    included = fields.array("include", MAX_INCLUDED) or []
    for index, value in enumerate(included):
        if not isinstance(value, str):
            message = f"Invalid type for 'include[{index}]': expected a string, got {kind(value)}."
            raise invalid(f"include[{index}]", message)
        if value != LOGPROBS and value not in INCLUDED:
            known = ", ".join(f"'{one}'" for one in (LOGPROBS, *INCLUDED))
            raise invalid(f"include[{index}]", f"Invalid 'include[{index}]': supported values are {known}.")
    top = fields.integer("top_logprobs", 0, MAX_LOGPROBS)
    return (top or 0) if top or LOGPROBS in included else None


def _stream(fields: ResponsesFields) -> bool:
    stream = fields.flag("stream") or False
    options = fields.inner("stream_options")
    if options is not None:
        options.limit("include_obfuscation")
        options.finish()
        if not stream:
            raise invalid("stream_options", "Invalid 'stream_options': it needs 'stream' to be true.")
    return stream
