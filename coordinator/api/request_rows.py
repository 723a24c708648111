"""A request of a client as it is told afterwards: as JSON, and as a row of a table. Nothing of its text is stored."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from coordinator.api.request_ids import PREFIX
from coordinator.api.served_headers import pseudonym
from coordinator.api.spreadsheet import Cell, cells
from coordinator.ledger.orders import UsageRow
from coordinator.ledger.pricing import Units, decimal
from coordinator.ledger.recovery import FINISH as LOST
from coordinator.ledger.requests import Asked
from wire.errors import ERRORS, ErrorCode

CHAT = "chat"
_ENDS = {
    "stop": "Finished.",
    "length": "Finished at the most tokens that it could have.",
    "tool_calls": "Finished with calls of tools.",
    "cancelled": "Its client left before the end.",
    LOST: "The coordinator was restarted while it ran; what was delivered was billed.",
    ErrorCode.INVALID_REQUEST: "The request could not be honoured.",
    ErrorCode.INVALID_API_KEY: "Its key was revoked or expired while it ran.",
    ErrorCode.CONTEXT_LENGTH_EXCEEDED: "The prompt was longer than the model's context.",
    ErrorCode.POISON_REQUEST: "Engines of several workers died of it; it was not billed.",
    ErrorCode.CONTENT_FILTER: "The operator's filter refused it.",
    ErrorCode.QUEUE_FULL: "The queue was full.",
    ErrorCode.QUEUE_TIMEOUT: "It waited in the queue for too long.",
    ErrorCode.DEADLINE_EXCEEDED: "Its client's time was over.",
    ErrorCode.NO_WORKER: "No worker served the model.",
    ErrorCode.OVERLOADED: "The network was overloaded.",
    ErrorCode.SHUTTING_DOWN: "The coordinator was shutting down.",
    ErrorCode.WORKER_LOST: "Workers were lost, and no other could go on.",
    ErrorCode.WORKER_STALLED: "Workers stood still, and no other could go on.",
    ErrorCode.ENGINE_CRASHED: "Engines of workers crashed, and no other could go on.",
    ErrorCode.ENGINE_ERROR: "Engines of workers failed, and no other could go on.",
}
COLUMNS = (
    "id",
    "time",
    "model",
    "kind",
    "key",
    "key_name",
    "status",
    "finish",
    "choices",
    "attempts",
    "prompt_tokens",
    "cached_tokens",
    "completion_tokens",
    "reasoning_tokens",
    "units",
    "queue_ms",
    "ttft_ms",
    "total_ms",
    "cost_nano_usd",
    "cost_usd",
    "x_request_id",
)


def request_json(asked: Asked, keys: Mapping[str, str], units: Units) -> dict[str, Any]:
    """One request, the sums of its choices, rounds and calls. `keys`: id of a key -> its name."""
    held, rows, cost = asked.held, asked.rows, sum(one.held.charge for one in asked.all)
    return {
        "object": "account.request",
        "id": PREFIX + held.name,
        "x_request_id": held.request_id or PREFIX + held.name,
        "created": held.at_ms // 1000,
        "created_ms": held.at_ms,
        "model": held.model,
        "kind": held.kind or CHAT,
        "key": held.key,
        "key_name": keys.get(held.key, ""),
        "stream": held.streamed,
        "status": asked.status,
        "finish": _finish(asked),
        "told": told(asked),
        "choices": len(asked.choices),
        "attempts": max((row.attempts for row in rows), default=0),
        "prompt_tokens": sum(row.prompt for row in rows),
        "cached_tokens": sum(row.cached for row in rows),
        "completion_tokens": sum(row.completion for row in rows),
        "reasoning_tokens": sum(row.reasoning for row in rows),
        "units": sum(row.units or 0 for row in rows),
        "queue_ms": max((row.queued_ms for row in asked.choices), default=None),
        "ttft_ms": min((row.first_token_ms for row in asked.choices if row.first_token_ms is not None), default=None),
        "total_ms": _total_ms(asked),
        "cost": units.shown(cost, "spark"),
    }


def request_whole(asked: Asked, keys: Mapping[str, str], units: Units) -> dict[str, Any]:
    """The same with each choice, and each round and call of a platform tool behind the first."""
    parts = [
        {
            "name": part.held.name.removeprefix(asked.held.name + "."),
            "model": part.held.model,
            "kind": part.held.kind or CHAT,
            "status": part.status,
            "finish": _finish(part),
            "told": told(part),
            "cost": units.shown(part.held.charge, "spark"),
            "choices": [_choice(row, units) for row in part.choices],
        }
        for part in asked.parts
    ]
    choices = [_choice(row, units) for row in asked.choices]
    return {**request_json(asked, keys, units), "data": choices, "rounds_and_calls": parts}


def request_row(asked: Asked, keys: Mapping[str, str], units: Units) -> list[Cell]:
    """The columns of COLUMNS."""
    shown = request_json(asked, keys, units)
    time = datetime.fromtimestamp(asked.held.at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    cost = shown["cost"]["nano_usd"]
    more = {"time": time.replace("+00:00", "Z"), "cost_nano_usd": cost, "cost_usd": decimal(cost)}
    return cells({**shown, **more}, COLUMNS)


def told(asked: Asked) -> str:
    """How it ended, in words."""
    if asked.status == "running":
        return "It runs, or waits in the queue."
    finish = _finish(asked)
    if finish is None:
        return "It ended before a worker had it; it was not billed."
    if finish in _ENDS:
        return _ENDS[finish]
    known = finish in ERRORS
    return f"It failed: {finish.replace('_', ' ')}." if known else f"It ended: {finish.replace('_', ' ')}."


def _finish(asked: Asked) -> str | None:
    """Why it ended: the first error, else what its first choice says, or the last round of its conversation."""
    if asked.held.failure:
        return asked.held.failure
    finishes = [row.finish for row in asked.choices]
    rounds = [part for part in asked.parts if part.held.kind is None and part.choices]
    if asked.status == "finished" and rounds:
        return rounds[-1].choices[0].finish
    odd = [finish for finish in finishes if finish in ERRORS or finish == LOST]
    return next(iter([*odd, *(finish for finish in finishes if finish == asked.status), *finishes]), None)


def _total_ms(asked: Asked) -> int | None:
    """From its coming to the end of its last part; None while it runs."""
    if asked.status == "running":
        return None
    if not asked.parts and asked.choices:
        return max(row.total_ms for row in asked.choices)
    return max(one.held.ended_ms or one.held.at_ms for one in asked.all) - asked.held.at_ms


def _choice(row: UsageRow, units: Units) -> dict[str, Any]:
    return {
        "finish": row.finish,
        "worker": pseudonym(row.worker) if row.worker else None,
        "attempts": row.attempts,
        "prompt_tokens": row.prompt,
        "cached_tokens": row.cached,
        "completion_tokens": row.completion,
        "reasoning_tokens": row.reasoning,
        "units": row.units or 0,
        "price": {"prompt_nano_usd": row.price_prompt, "completion_nano_usd": row.price_completion},
        "cost": units.shown(row.cost_nano, "spark"),
        "queue_ms": row.queued_ms,
        "ttft_ms": row.first_token_ms,
        "total_ms": row.total_ms,
    }
