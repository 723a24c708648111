"""How fast an answer was made, under the names that llama-server's clients read: `timings`."""

from collections.abc import Sequence

from coordinator.openai.json_body import Json
from wire.chat import LEAST_MS, Timings, Usage


def timings_json(answers: Sequence[tuple[Usage, Timings]]) -> Json:
    """The object, of all choices together; each key is there if it is known.

    All of it is the word of the workers that ended the answers, and of the tokens that these made: where another had
    begun one, `predicted_n` is less than the completion. Guesses (`draft_n`) that did not come true are in no usage.
    """
    known = [(usage, timings) for usage, timings in answers if max(timings.prefill_ms, timings.decode_ms) >= LEAST_MS]
    if not known:
        return {}
    return {
        "cache_n": sum(usage.cached for usage, _ in known),
        **_pace("prompt", sum(usage.prompt - usage.cached for usage, _ in known), [t.prefill_ms for _, t in known]),
        **_pace("predicted", sum(map(_made, *zip(*known, strict=True))), [t.decode_ms for _, t in known]),
        **_guessed(known),
    }


def _pace(what: str, tokens: int, each_ms: Sequence[float]) -> Json:
    ms = sum(each_ms)
    pace: Json = {f"{what}_n": tokens, f"{what}_ms": round(ms, 3)}
    if tokens and ms >= LEAST_MS:
        pace |= {f"{what}_per_token_ms": round(ms / tokens, 3), f"{what}_per_second": round(1000 * tokens / ms, 3)}
    return pace


def _made(usage: Usage, timings: Timings) -> int:
    """Tokens that its worker made, of those that were counted; older workers do not say."""
    return min(timings.completion or usage.completion, usage.completion)


def _guessed(known: Sequence[tuple[Usage, Timings]]) -> Json:
    drafted = sum(one.drafted for _, timings in known for one in timings.guesses)
    if not drafted:
        return {}
    accepted = sum(
        min(_made(usage, timings), sum(min(one.accepted, one.drafted) for one in timings.guesses))
        for usage, timings in known
    )
    return {"draft_n": drafted, "draft_n_accepted": accepted}
