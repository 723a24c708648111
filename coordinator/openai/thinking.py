"""Whether a request wants a thought, and how long: every wording of that which clients have, made one.

Qwen's servers read `enable_thinking` and `thinking_budget`, vLLM and SGLang `chat_template_kwargs`, Anthropic's, GLM's
and DeepSeek's `thinking`, OpenRouter's `reasoning`, OpenAI's `reasoning_effort`, Ollama's `think`. Several at once are
taken if they agree. What switches the thought on or off wins over an effort, and a number of tokens over the effort's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from coordinator.openai.fields import Fields, agreed
from wire.catalog import ModelSpec
from wire.errors import invalid

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
UNSAID = ("default", "auto")  # words of Groq and others for the model's own
MAX_BUDGET = 2**31 - 1
SWITCH: Mapping[str, bool | None] = {"enabled": True, "disabled": False, "adaptive": None, "auto": None}


@dataclass(frozen=True)
class Thinking:
    """`preserve`: earlier thoughts stay in the prompt. `budget`: tokens after which the thought is closed, None for no
    bound of its own. `effort` is what the request says, for an answer that repeats it."""

    enabled: bool
    preserve: bool
    budget: int | None
    effort: str | None


@dataclass(frozen=True)
class _Asked:
    """What one object of the request says of it; a number of tokens of -1 is no bound, of 0 no thought."""

    switches: tuple[tuple[str, bool | None], ...] = ()
    preserves: tuple[tuple[str, bool | None], ...] = ()
    budgets: tuple[tuple[str, int | None], ...] = ()
    efforts: tuple[tuple[str, str | None], ...] = ()


def read_thinking(fields: Fields, model: ModelSpec) -> Thinking:
    """Read all of them. Raises SupernetError where two contradict each other, or the model cannot do it."""
    parts = (_plain(fields), _template(fields), _thinking(fields), _reasoning(fields))
    switches = [one for part in parts for one in part.switches]
    preserves = [one for part in parts for one in part.preserves]
    for path, value in (*switches, *preserves):
        if value and not model.thinking:
            raise invalid(path, f"Unsupported value for '{path}': this model cannot think.")
    switch, preserve = agreed(*switches), agreed(*preserves)
    budget = agreed(*(one for part in parts for one in part.budgets))
    effort = agreed(*(one for part in parts for one in part.efforts))
    wanted = switch if switch is not None else budget != 0 if budget is not None else effort != "none"
    enabled = model.thinking and wanted
    if budget is None and effort is not None:
        budget = BUDGETS[effort]
    return Thinking(enabled, preserve or False, budget if enabled and budget != -1 else None, effort)


def read_effort(fields: Fields, name: str) -> str | None:
    """One of BUDGETS; None where none is asked for."""
    effort = fields.choice(name, (*BUDGETS, *UNSAID))
    return None if effort in UNSAID else effort


def _plain(fields: Fields) -> _Asked:
    think = fields.take("think")
    named = think if isinstance(think, str) and think in BUDGETS else None
    if think is not None and not isinstance(think, bool) and named is None:
        raise invalid("think", "Invalid 'think': expected a boolean, or an effort as in 'reasoning_effort'.")
    return _Asked(
        switches=(("enable_thinking", fields.flag("enable_thinking")), ("think", None if named else think)),
        budgets=(("thinking_budget", _tokens(fields, "thinking_budget")),),
        efforts=(("reasoning_effort", read_effort(fields, "reasoning_effort")), ("think", named)),
    )


def _template(fields: Fields) -> _Asked:
    """What templates of any family are asked for: GLM's have `clear_thinking`, Seed's a budget, gpt-oss an effort."""
    inner = fields.inner("chat_template_kwargs")
    if inner is None:
        return _Asked()
    asked = _Asked(
        switches=tuple((inner.at(name), inner.flag(name)) for name in ("enable_thinking", "thinking")),
        preserves=((inner.at("preserve_thinking"), inner.flag("preserve_thinking")), _kept(inner)),
        budgets=((inner.at("thinking_budget"), _tokens(inner, "thinking_budget")),),
        efforts=((inner.at("reasoning_effort"), read_effort(inner, "reasoning_effort")),),
    )
    inner.finish()
    return asked


def _thinking(fields: Fields) -> _Asked:
    inner = fields.inner("thinking")
    if inner is None:
        return _Asked()
    kind = inner.choice("type", tuple(SWITCH))
    asked = _Asked(
        switches=((inner.at("type"), SWITCH[kind] if kind else None),),
        preserves=(_kept(inner),),
        budgets=((inner.at("budget_tokens"), _tokens(inner, "budget_tokens")),),
    )
    inner.finish()
    return asked


def _kept(fields: Fields) -> tuple[str, bool | None]:
    """`clear_thinking: false` is GLM's word for keeping earlier thoughts."""
    clear = fields.flag("clear_thinking")
    return fields.at("clear_thinking"), None if clear is None else not clear


def _reasoning(fields: Fields) -> _Asked:
    """OpenRouter's, and that of OpenAI's Responses. `all_turns` shows all earlier thoughts; the other contexts leave it
    to the model's template, which shows those since the last question."""
    inner = fields.inner("reasoning")
    if inner is None:
        return _Asked()
    context = inner.choice("context", ("auto", "current_turn", "all_turns"))
    asked = _Asked(
        switches=((inner.at("enabled"), inner.flag("enabled")),),
        preserves=((inner.at("context"), True if context == "all_turns" else None),),
        budgets=((inner.at("max_tokens"), _tokens(inner, "max_tokens")),),
        efforts=((inner.at("effort"), read_effort(inner, "effort")),),
    )
    inner.accept("exclude", "summary", "generate_summary")
    inner.limit("mode")
    inner.finish()
    return asked


def _tokens(fields: Fields, name: str) -> int | None:
    return fields.integer(name, -1, MAX_BUDGET)
