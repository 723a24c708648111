"""One HTTP body of `POST /v1/chat/completions` -> a ChatJob, from an allow-list: honoured, or refused by name.

What is decided here, because the fields alone do not say it:

- `max_tokens` above the model's own limit is lowered to it, not refused: real clients send one large number to every
  model (opencode: 32000). The limit stands in `/v1/models`, and `finish_reason` says `length` when it was reached.
- Sampling comes from the model card's preset for the task profile and for thinking or not; explicit fields win. The
  profile is `task_profile`, else coding when a developer message is there, else general.
- Thinking is `chat_template_kwargs.enable_thinking`, else `reasoning_effort`, else what the model does. An effort also
  bounds the thought (BUDGETS). A model that cannot think refuses `enable_thinking: true` but takes any effort, which
  several clients send by default.
- `seed: -1` asks for a random one, as llama.cpp and Sogni's API have it; other negative seeds are refused.
- `top_p: 0` keeps the most likely token alone, `top_k: -1` (vLLM's word for no limit) means 0.
"""

from collections.abc import Mapping
from typing import Any, cast, get_args

from coordinator.openai.fields import REFUSED, Fields, kind
from coordinator.openai.json_body import load
from coordinator.openai.messages import read_messages
from coordinator.openai.tools import chat_choice, read_response_format, read_tool_choice, read_tools
from coordinator.request import ChatJob, TokenType
from wire.catalog import Catalog, ModelSpec, Preset, TaskProfile
from wire.chat import MAX_LOGPROBS, MAX_STOP_CHARS, MAX_STOPS, MAX_TOP_K, MIN_REPETITION_PENALTY, ChatRequest, Sampling
from wire.errors import invalid

MAX_CHOICES = 4
MAX_SEED = 2**63 - 1
MAX_LOGIT_BIAS = 300
MAX_TOKEN_ID = 2**31 - 1
MAX_METADATA = 16
MAX_LABEL_CHARS = 512
MAX_MODEL_CHARS = 256

# Tokens of thought for an effort; None is no bound of its own. Medium leaves half of a 32k answer for the answer.
BUDGETS: Mapping[str, int | None] = {
    "none": None,
    "minimal": 1024,
    "low": 4096,
    "medium": 16384,
    "high": None,
    "xhigh": None,
    "max": None,
}


def parse(body: bytes, catalog: Catalog, headers: Mapping[str, str]) -> ChatJob:
    """The job that a request asks for.

    Raises SupernetError: invalid_request with the field as `param`, model_not_found, request_too_large.
    """
    fields = Fields(load(body))
    fields.refuse(REFUSED)
    fields.limit("modalities", "service_tier", "prompt_cache_retention", "billing_mode")
    fields.limit("sogni_tools", "sogni_tool_execution", "safe_content_filter")
    fields.accept("store", "prompt_cache_key", "app_source")
    model = read_model(fields, catalog)
    request = _request(fields, model)
    stream = fields.flag("stream") or False
    include_usage, continuous_usage = _stream_options(fields, stream)
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
    )
    fields.finish()
    return job


def read_model(fields: Fields, catalog: Catalog) -> ModelSpec:
    name = fields.text("model", low=1, high=MAX_MODEL_CHARS)
    return catalog.get(catalog.default if name is None else name)


def _request(fields: Fields, model: ModelSpec) -> ChatRequest:
    messages, developer = read_messages(fields)
    tools = read_tools(fields)
    effort = fields.choice("reasoning_effort", tuple(BUDGETS))
    thinking, preserve = read_thinking(fields, model, effort)
    parallel = fields.flag("parallel_tool_calls")
    return ChatRequest(
        messages=messages,
        tools=tools,
        tool_choice=read_tool_choice(fields, tools, chat_choice),
        parallel_tool_calls=True if parallel is None else parallel,
        json_schema=read_response_format(fields),
        thinking=thinking,
        preserve_thinking=preserve,
        reasoning_budget=reasoning_budget(thinking, effort),
        max_tokens=_max_tokens(fields, model),
        stop=read_stop(fields),
        ignore_eos=fields.flag("ignore_eos") or False,
        sampling=read_sampling(
            fields, model.presets.choose(read_profile(fields, developer), thinking), _top_logprobs(fields)
        ),
    )


def read_thinking(fields: Fields, model: ModelSpec, effort: str | None) -> tuple[bool, bool]:
    """Whether to think, and whether earlier thoughts stay in the prompt."""
    kwargs = fields.inner("chat_template_kwargs")
    enable = preserve = None
    if kwargs is not None:
        enable, preserve = kwargs.flag("enable_thinking"), kwargs.flag("preserve_thinking")
        kwargs.finish()
        for name, value in (("enable_thinking", enable), ("preserve_thinking", preserve)):
            if value and not model.thinking:
                raise invalid(kwargs.at(name), f"Unsupported value for '{kwargs.at(name)}': this model cannot think.")
    return model.thinking and (effort != "none" if enable is None else enable), preserve or False


def reasoning_budget(thinking: bool, effort: str | None) -> int | None:
    """The bound of a thought in tokens; None: it has none of its own."""
    return BUDGETS[effort] if thinking and effort is not None else None


def read_profile(fields: Fields, developer: bool) -> TaskProfile:
    profile = fields.choice("task_profile", ("general", "coding", "reasoning"))
    return cast(TaskProfile, profile or ("coding" if developer else "general"))


def _max_tokens(fields: Fields, model: ModelSpec) -> int:
    old, new = fields.integer("max_tokens", 1), fields.integer("max_completion_tokens", 1)
    if old is not None and new is not None and old != new:
        message = "'max_tokens' and 'max_completion_tokens' are the same parameter: send one of them."
        raise invalid("max_completion_tokens", message)
    return min(new or old or model.max_output, model.max_output)


def read_stop(fields: Fields) -> tuple[str, ...]:
    value = fields.take("stop")
    if value is None:
        return ()
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or len(stops) > MAX_STOPS:
        raise invalid("stop", f"Invalid 'stop': expected a string or an array of at most {MAX_STOPS} strings.")
    for stop in stops:
        if not isinstance(stop, str) or not 1 <= len(stop) <= MAX_STOP_CHARS:
            raise invalid("stop", f"Invalid 'stop': every stop must be a string of 1 to {MAX_STOP_CHARS} characters.")
    return tuple(stops)


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
        "repetition_penalty": fields.number("repetition_penalty", MIN_REPETITION_PENALTY, 2),
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
    if top is not None and not wanted:
        raise invalid("top_logprobs", "Invalid 'top_logprobs': it needs 'logprobs' to be true.")
    return (top or 0) if wanted else None


def _stream_options(fields: Fields, stream: bool) -> tuple[bool, bool]:
    options = fields.inner("stream_options")
    if options is None:
        return False, False
    if not stream:
        raise invalid("stream_options", "Invalid 'stream_options': it needs 'stream' to be true.")
    include, continuous = options.flag("include_usage") or False, options.flag("continuous_usage_stats") or False
    options.limit("include_obfuscation")
    options.finish()
    if continuous and not include:
        path = options.at("continuous_usage_stats")
        raise invalid(path, f"Invalid '{path}': it needs 'include_usage' to be true.")
    return include, continuous


def read_seed(fields: Fields) -> int | None:
    """None: the coordinator draws one."""
    seed = fields.integer("seed", -1, MAX_SEED)
    return None if seed == -1 else seed


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
    if not isinstance(value, str) or value not in get_args(TokenType):
        raise invalid(source, f"Invalid '{source}': supported values are 'auto', 'spark', 'sogni'.")
    return cast(TokenType, value)


def read_metadata(fields: Fields) -> dict[str, str]:
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
