"""One HTTP body of `POST /v1/chat/completions` -> a ChatJob, from an allow-list: honoured, or refused by name.

What is decided here, because the fields alone do not say it:

- `max_tokens` above the model's own limit is lowered to it, not refused: real clients send one large number to every
  model (opencode: 32000). The limit stands in `/v1/models`, and `finish_reason` says `length` when it was reached.
- Sampling comes from the model card's preset for the task profile and for thinking or not; explicit fields win. The
  profile is `task_profile`, else coding when a developer message is there, else general.
- How a thought is asked for is in thinking.py. A model that cannot think refuses `enable_thinking: true` but takes any
  effort, which several clients send by default.
- `seed: -1` asks for a random one, as llama.cpp and Sogni's API have it; any other of 64 bits is a seed, as in vLLM.
- `max_tokens: -1` asks for as many as the model gives (LM Studio, llama.cpp). An empty stop string stops nothing.
- `min_tokens` that reaches `max_tokens`, as load generators send it, is `ignore_eos`; a smaller one is not held, and
  the answer says so.
- `top_p: 0` keeps the most likely token alone, `top_k: -1` (vLLM's word for no limit) means 0.
"""

from collections.abc import Mapping
from typing import Any, cast

from coordinator.ledger.pricing import TOKEN_TYPES, TokenType
from coordinator.media.tools import NAMES
from coordinator.openai.attachments import read_references
from coordinator.openai.fields import Fields, agreed, kind
from coordinator.openai.images import Pictures
from coordinator.openai.json_body import MAX_PICTURES_BODY_BYTES, load
from coordinator.openai.messages import read_messages
from coordinator.openai.platform import plain_choice, read_platform, read_wanted
from coordinator.openai.thinking import read_thinking
from coordinator.openai.tools import Chosen, chat_choice, read_response_format, read_tool_choice, read_tools
from coordinator.request import ChatJob
from wire.catalog import Catalog, ModelSpec, Preset, TaskProfile
from wire.chat import (
    MAX_LOGIT_BIAS,
    MAX_LOGPROBS,
    MAX_STOP_CHARS,
    MAX_STOPS,
    MAX_TOP_K,
    MIN_REPETITION_PENALTY,
    ChatRequest,
    Sampling,
)
from wire.errors import invalid

MAX_CHOICES = 4
REPETITION_PENALTY = ("repetition_penalty", "repeat_penalty")  # the second is llama.cpp's and Ollama's name
MAX_SEED = 2**63 - 1
MAX_TOKEN_ID = 2**31 - 1
MAX_METADATA = 16
MAX_LABEL_CHARS = 512
MAX_MODEL_CHARS = 256


def parse(body: bytes, catalog: Catalog, headers: Mapping[str, str]) -> ChatJob:
    """The job that a request asks for.

    Raises SupernetError: invalid_request with the field as `param`, model_not_found, request_too_large.
    """
    return read(Fields(load(body, MAX_PICTURES_BODY_BYTES)), body, catalog, headers)


def read(fields: Fields, body: bytes, catalog: Catalog, headers: Mapping[str, str]) -> ChatJob:
    """The job of a body whose fields are read already, as `parse` makes it. `body` is what they were read from."""
    goes_on = _goes_on(fields)
    fields.by_the_lists()
    model = read_model(fields, catalog)
    wanted = read_wanted(fields)
    pictures = Pictures(model, catalog, attachable=wanted is not False)
    request, chosen = _request(fields, model, pictures)
    read_references(fields, pictures, request.messages)
    pictures.finish(body, fields)
    if goes_on and request.messages[-1].role != "assistant":
        message = "Invalid 'continue_final_message': the last message is none of the assistant's."
        raise invalid("continue_final_message", message)
    stream = fields.flag("stream") or False
    include_usage, continuous_usage, progress = _stream_options(fields, stream)
    job = ChatJob(
        model=model,
        request=request,
        n=fields.integer("n", 1, MAX_CHOICES) or 1,
        seed=read_seed(fields),
        stream=stream,
        include_usage=include_usage,
        continuous_usage=continuous_usage,
        token_type=read_token_type(fields, headers),
        user=read_user(fields),
        metadata=read_metadata(fields),
        warnings=fields.warnings,
        blobs=pictures.blobs,
        pictures=tuple(pictures.places),
        attachments=tuple(pictures.attachments),
        platform=read_platform(fields, wanted, chosen, progress=progress),
    )
    fields.finish()
    return job


def read_model(fields: Fields, catalog: Catalog) -> ModelSpec:
    name = fields.text("model", low=1, high=MAX_MODEL_CHARS)
    return catalog.get(catalog.default if name is None else name)


def _request(fields: Fields, model: ModelSpec, pictures: Pictures) -> tuple[ChatRequest, Chosen]:
    """The request with its own tools alone, and its choice among all that may be declared."""
    messages, developer = read_messages(fields, pictures)
    chosen = read_tool_choice(fields, read_tools(fields), chat_choice, NAMES)
    thinking = read_thinking(fields, model)
    parallel = fields.flag("parallel_tool_calls")
    max_tokens = _max_tokens(fields, model)
    schema, strict = read_response_format(fields)
    request = ChatRequest(
        messages=messages,
        tools=chosen.tools,
        tool_choice=plain_choice(chosen),
        parallel_tool_calls=True if parallel is None else parallel,
        json_schema=schema,
        json_schema_strict=strict,
        thinking=thinking.enabled,
        preserve_thinking=thinking.preserve,
        reasoning_budget=thinking.budget,
        max_tokens=max_tokens,
        stop=read_stop(fields),
        ignore_eos=read_ignore_eos(fields, max_tokens),
        sampling=read_sampling(
            fields, model.presets.choose(read_profile(fields, developer), thinking.enabled), _top_logprobs(fields)
        ),
    )
    return request, chosen


def read_profile(fields: Fields, developer: bool) -> TaskProfile:
    profile = fields.choice("task_profile", ("general", "coding", "reasoning"))
    return cast(TaskProfile, profile or ("coding" if developer else "general"))


def _max_tokens(fields: Fields, model: ModelSpec) -> int:
    given = agreed(*((name, read_limit(fields, name)) for name in ("max_tokens", "max_completion_tokens")))
    return min(given or model.max_output, model.max_output)


def read_limit(fields: Fields, name: str) -> int | None:
    """A number of tokens; None where it is not given, or -1."""
    limit = fields.integer(name, -1)
    if limit == 0:
        raise invalid(name, f"Invalid '{name}': expected an integer of at least 1, or -1 for the model's own limit.")
    return None if limit == -1 else limit


def read_ignore_eos(fields: Fields, max_tokens: int) -> bool:
    """Whether to go on to `max_tokens` whatever the model says."""
    ignore, least = fields.flag("ignore_eos") or False, fields.integer("min_tokens", 0) or 0
    if not ignore and 1 < least < max_tokens:
        fields.warn("'min_tokens' is not held: the answer may end before. 'ignore_eos' makes it go on to 'max_tokens'")
    return ignore or least >= max_tokens


def read_stop(fields: Fields, name: str = "stop") -> tuple[str, ...]:
    """Read the stop strings: one or several; () without any. An empty one stops nothing."""
    value = fields.take(name)
    if value is None:
        return ()
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or len(stops) > MAX_STOPS:
        raise invalid(name, f"Invalid '{name}': expected a string or an array of at most {MAX_STOPS} strings.")
    for stop in stops:
        if not isinstance(stop, str) or len(stop) > MAX_STOP_CHARS:
            message = f"Invalid '{name}': every stop must be a string of at most {MAX_STOP_CHARS} characters."
            raise invalid(name, message)
    return tuple(filter(None, stops))


def read_sampling(fields: Fields, preset: Preset | None, top_logprobs: int | None) -> Sampling:
    """The preset's values, explicit ones before them. `top_logprobs` None: no logprobs are wanted."""
    chosen: dict[str, Any] = preset.model_dump() if preset is not None else {}
    top_p = fields.number("top_p", 0, 1)
    top_k = fields.integer("top_k", -1, MAX_TOP_K)
    explicit = {
        "temperature": fields.number("temperature", 0, 2),
        # No vocabulary has a million tokens, so the first token alone always covers one millionth.
        "top_p": None if top_p is None else max(top_p, 1e-6),
        "top_k": None if top_k is None else max(top_k, 0),
        "min_p": fields.number("min_p", 0, 1),
        "presence_penalty": fields.number("presence_penalty", -2, 2),
        "frequency_penalty": fields.number("frequency_penalty", -2, 2),
        "repetition_penalty": agreed(
            *((name, fields.number(name, MIN_REPETITION_PENALTY, 2)) for name in REPETITION_PENALTY)
        ),
        "logit_bias": _logit_bias(fields),
        "top_logprobs": top_logprobs,
    }
    chosen.update({name: value for name, value in explicit.items() if value is not None})
    return Sampling.model_validate(chosen)


def _logit_bias(fields: Fields) -> tuple[tuple[int, float], ...]:
    """Token id -> bias, in the order of the ids. The ids are checked against the vocabulary by the worker."""
    value = fields.take("logit_bias")
    if value is None:
        return ()
    if not isinstance(value, dict) or len(value) > MAX_LOGIT_BIAS:
        message = f"Invalid 'logit_bias': expected an object of at most {MAX_LOGIT_BIAS} token ids."
        raise invalid("logit_bias", message)
    biases: dict[int, float] = {}
    for token, bias in value.items():
        if not (token.isascii() and token.isdigit() and len(token) <= 10 and int(token) <= MAX_TOKEN_ID):
            raise invalid("logit_bias", "Invalid 'logit_bias': every key must be a token id written as a string.")
        if isinstance(bias, bool) or not isinstance(bias, int | float) or not -100 <= bias <= 100:
            raise invalid("logit_bias", "Invalid 'logit_bias': every bias must be a number between -100 and 100.")
        biases[int(token)] = float(bias)
    return tuple(sorted(biases.items()))


def _top_logprobs(fields: Fields) -> int | None:
    wanted, top = fields.flag("logprobs"), fields.integer("top_logprobs", 0, MAX_LOGPROBS)
    if top and not wanted:
        raise invalid("top_logprobs", "Invalid 'top_logprobs': it needs 'logprobs' to be true.")
    return (top or 0) if wanted else None


def _stream_options(fields: Fields, stream: bool) -> tuple[bool, bool, bool]:
    """Whether usage is included, in every chunk too, and how far tools are."""
    asked = _usage(fields)
    options = fields.inner("stream_options")
    if options is None:
        return asked and stream, False, False
    include, continuous = options.flag("include_usage"), options.flag("continuous_usage_stats") or False
    include = asked if include is None else include
    progress = options.flag("include_tool_progress") or False
    options.limit("include_obfuscation")
    options.finish()
    if continuous and not include:
        path = options.at("continuous_usage_stats")
        raise invalid(path, f"Invalid '{path}': it needs 'include_usage' to be true.")
    # an answer that is sent whole always has its usage
    return include and stream, continuous and stream, progress and stream


def _usage(fields: Fields) -> bool:
    """OpenRouter's word for `stream_options.include_usage`."""
    inner = fields.inner("usage")
    if inner is None:
        return False
    include = inner.flag("include") or False
    inner.finish()
    return include


def _goes_on(fields: Fields) -> bool:
    """Whether vLLM's switches say that the answer goes on with the last message, as with one of the assistant's it
    always does here."""
    goes_on, begins = fields.flag("continue_final_message") or False, fields.flag("add_generation_prompt")
    if begins is False and not goes_on:
        message = "Unsupported value for 'add_generation_prompt': false goes with 'continue_final_message' alone."
        raise invalid("add_generation_prompt", message)
    return goes_on


def read_seed(fields: Fields) -> int | None:
    """Read `seed`; None, also for -1: the coordinator draws one. A seed has 63 bits: a negative one loses its sign."""
    seed = fields.integer("seed", -MAX_SEED - 1, MAX_SEED)
    return None if seed is None or seed == -1 else seed & MAX_SEED


def read_user(fields: Fields) -> str | None:
    """OpenAI is replacing `user` by `safety_identifier`: the same name for the same end user."""
    user, identifier = (fields.text(name, high=MAX_LABEL_CHARS) for name in ("user", "safety_identifier"))
    return user if user is not None else identifier


def read_token_type(fields: Fields, headers: Mapping[str, str]) -> TokenType:
    """What the account pays with: the body, else the header `X-Token-Type`, else auto."""
    source = "token_type"
    value = fields.take("token_type")
    if value is None:
        source = "X-Token-Type"
        value = next((header for name, header in headers.items() if name.lower() == "x-token-type"), "auto")
    if not isinstance(value, str) or value not in TOKEN_TYPES:
        raise invalid(source, f"Invalid '{source}': supported values are {', '.join(map(repr, TOKEN_TYPES))}.")
    return value


def read_metadata(fields: Fields) -> dict[str, str]:
    """Read `metadata`, an object of strings; {} without it."""
    value = fields.take("metadata")
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > MAX_METADATA:
        message = f"Invalid 'metadata': expected an object of at most {MAX_METADATA} strings, got {kind(value)}."
        raise invalid("metadata", message)
    for key, text in value.items():
        if len(key) > 64 or not isinstance(text, str) or len(text) > MAX_LABEL_CHARS:
            message = (
                f"Invalid 'metadata': keys have at most 64 characters, values are strings of at most {MAX_LABEL_CHARS}."
            )
            raise invalid("metadata", message)
    return value
