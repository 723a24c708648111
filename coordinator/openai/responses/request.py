"""One HTTP body of `POST /v1/responses` -> the same ChatJob that chat completions make, and what the answer repeats.

The endpoint is stateless: every request brings all items, nothing is kept, and what needs a memory is refused by name.
`store`, which is true when it is absent on OpenAI, is let through with that meaning: the Response object says `false`.

Fields with the same meaning as in chat completions are read by the same readers, within the same bounds, and mean what
chat_request.py says. That includes those which OpenAI has only there or nowhere (`stop`, `seed`, `top_k`, `min_p`,
penalties, `logit_bias`, `task_profile`, `chat_template_kwargs`, `token_type`, `ignore_eos`).

How a thought is asked for, `reasoning.context` too, is read in thinking.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from coordinator.media.tools import NAMES
from coordinator.openai.attachments import read_references
from coordinator.openai.chat_request import (
    read_ignore_eos,
    read_limit,
    read_metadata,
    read_model,
    read_profile,
    read_sampling,
    read_seed,
    read_stop,
    read_token_type,
    read_user,
)
from coordinator.openai.fields import kind
from coordinator.openai.images import Pictures
from coordinator.openai.json_body import MAX_PICTURES_BODY_BYTES, Json, load
from coordinator.openai.platform import plain_choice, read_platform, read_wanted
from coordinator.openai.responses import image_generation
from coordinator.openai.responses.fields import INCLUDED, ResponsesFields
from coordinator.openai.responses.image_generation import shown_tool
from coordinator.openai.responses.items import read_input
from coordinator.openai.responses.tools import Toolbox, named_choice, read_text_format, read_toolbox, shown_choice
from coordinator.openai.thinking import read_thinking
from coordinator.openai.tools import Chosen, read_tool_choice
from coordinator.request import ChatJob, PictureWish
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

    @property
    def pictures(self) -> PictureWish | None:
        """How pictures join the answer; None: the model was not told of a tool that draws, once that is known."""
        wish = self.chat.platform
        return wish.pictures if wish.pictures is not None and wish.pictures.tools & set(wish.declared) else None

    @property
    def shown(self) -> Json:
        """What is repeated, with all tools that the model was told of."""
        if self.pictures is None:
            return self.repeated
        return {**self.repeated, "tools": [*self.repeated["tools"], shown_tool(self.pictures)]}


def parse(body: bytes, catalog: Catalog, headers: Mapping[str, str]) -> ResponsesJob:
    """The job that a request asks for.

    Raises SupernetError: invalid_request with the field as `param`, model_not_found, request_too_large.
    """
    fields = ResponsesFields(load(body, MAX_PICTURES_BODY_BYTES))
    fields.by_the_lists()
    model = read_model(fields, catalog)
    stream = _stream(fields)
    toolbox = read_toolbox(fields, stream)
    instructions = fields.text("instructions")
    wanted = read_wanted(fields)
    pictures = Pictures(model, catalog, attachable=wanted is not False)
    request, chosen, repeated = _request(fields, model, toolbox, instructions, pictures)
    read_references(fields, pictures, request.messages)
    pictures.finish(body, fields)
    job = ChatJob(
        model=model,
        request=request,
        n=1,
        seed=read_seed(fields),
        stream=stream,
        include_usage=False,  # the last event always has it
        continuous_usage=False,
        token_type=read_token_type(fields, headers),
        user=read_user(fields),
        metadata=read_metadata(fields),
        warnings=fields.warnings,
        blobs=pictures.blobs,
        pictures=tuple(pictures.places),
        attachments=tuple(pictures.attachments),
        platform=read_platform(fields, wanted, chosen, pictures=toolbox.pictures),
    )
    fields.finish()
    return ResponsesJob(job, {**repeated, "metadata": job.metadata, "user": job.user}, toolbox.names)


def _request(
    fields: ResponsesFields,
    model: ModelSpec,
    toolbox: Toolbox,
    instructions: str | None,
    pictures: Pictures,
) -> tuple[ChatRequest, Chosen, Json]:
    """The request with its own tools alone, its choice among all that may be declared, and what the answer repeats."""
    messages, developer = read_input(fields, instructions, pictures)
    thinking = read_thinking(fields, model)
    schema, text = read_text_format(fields)
    limit = read_limit(fields, "max_output_tokens")
    max_tokens = min(limit or model.max_output, model.max_output)
    parallel = fields.flag("parallel_tool_calls")
    groups = {} if toolbox.pictures is None else {image_generation.NAME: toolbox.pictures.tools}
    chosen = read_tool_choice(fields, tuple(toolbox.tools), named_choice, NAMES, groups)
    request = ChatRequest(
        messages=messages,
        tools=chosen.tools,
        tool_choice=plain_choice(chosen),
        parallel_tool_calls=True if parallel is None else parallel,
        json_schema=schema,
        json_schema_strict=text["format"].get("strict") or False,
        thinking=thinking.enabled,
        preserve_thinking=thinking.preserve,
        reasoning_budget=thinking.budget,
        max_tokens=max_tokens,
        stop=read_stop(fields),
        ignore_eos=read_ignore_eos(fields, max_tokens),
        sampling=read_sampling(
            fields, model.presets.choose(read_profile(fields, developer), thinking.enabled), _logprobs(fields)
        ),
    )
    repeated = {
        "instructions": instructions,
        "max_output_tokens": limit,
        "parallel_tool_calls": request.parallel_tool_calls,
        "reasoning": {
            "effort": thinking.effort,
            "summary": None,
            "context": "all_turns" if request.preserve_thinking else "current_turn",
        },
        "temperature": request.sampling.temperature,
        "text": text,
        "tool_choice": shown_choice(chosen, request.tool_choice, toolbox.names),
        "tools": toolbox.shown,
        "top_logprobs": request.sampling.top_logprobs or 0,
        "top_p": request.sampling.top_p,
    }
    return request, chosen, repeated


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
    return stream
