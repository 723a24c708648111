"""One job of a socket of Sogni's SDKs: submitted as a chat completion is, and told in their frames."""

from collections.abc import Awaitable, Callable, Mapping
from typing import assert_never

from coordinator.api.answering import KEEP_ALIVE_S, Answering
from coordinator.api.chat import fingerprint
from coordinator.api.errors import renamed
from coordinator.api.intake import Admitted
from coordinator.api.platform import PlatformTools
from coordinator.api.served_headers import pseudonym
from coordinator.dispatch.effects import Deliver, Failed, Finished, Made, Progressed
from coordinator.ledger.pricing import Quote, Units, decimal, paying
from coordinator.openai.chat_response import Envelope
from coordinator.openai.json_body import Json
from coordinator.request import ChatJob
from coordinator.rounds.events import ToolProgress
from coordinator.sogni.account import cost_json
from coordinator.sogni.answer import JobTokens
from wire.chat import Part
from wire.errors import SupernetError

LOOK_S = 1.0  # between two looks at the place in the queue

Say = Callable[[str, Json], Awaitable[None]]


async def answered(
    say: Say,
    platform: PlatformTools,
    job_id: str,
    job: ChatJob,
    admitted: Admitted,
    headers: Mapping[str, str],
    unread: Callable[[], None],
) -> None:
    """Tell the whole of a job, to its result. `unread` is called if the client does not read.

    Raises what `PlatformTools.submit` raises, and the error of a job that failed. Cancelled when the client has left or
    does not want it any more.
    """
    await say("jobState", {"jobID": job_id, "type": "pending", "modelId": job.model.id})
    # Unasked the SDKs declare such tools themselves, and run what is called.
    job = platform.declared(job, admitted.principal, asked=True)
    answering = await platform.submit(job, admitted, headers)
    answering.answers.cut.add_done_callback(lambda _: unread())
    envelope = Envelope(f"chatcmpl-{answering.name}", answering.created, job.model.id, fingerprint(job.model))
    try:
        await _wait(say, job_id, job, answering)
        units = platform.intake.billing.units
        await _tell(say, job_id, job, answering, JobTokens(job_id, envelope, job.warnings), units)
    except SupernetError as error:
        raise renamed(error, {}, job.pictures) from error
    finally:
        answering.answers.cancel()


async def _wait(say: Say, job_id: str, job: ChatJob, answering: Answering) -> None:
    """Until a worker gives the answer. The place in the queue is told whenever it is another; what it may cost, unless
    it is given tools, which nobody can know of."""
    answers, told, quote = answering.answers, None, answering.quote
    waiting: Json = {"jobID": job_id, "type": "queued", "modelId": job.model.id}
    if isinstance(quote, Quote):
        waiting["estimatedCost"] = decimal(sum(quote.held.values()), quote.units.of(paying(job.token_type)[0]))
    while answers.waits:
        standing = answers.queue_position()
        if standing is not None and standing.place != told:
            told = standing.place
            wait = {"queuePosition": told, "estimatedStartSeconds": round(standing.wait_s, 1), "queueStatus": "waiting"}
            await say("jobState", {**waiting, **wait})
        await answers.settle(LOOK_S)
    if answers.early_error() is None:
        await say("jobState", {"jobID": job_id, "type": "jobStarted", "modelId": job.model.id})


async def _tell(say: Say, job_id: str, job: ChatJob, answering: Answering, tokens: JobTokens, units: Units) -> None:
    """The answer as it comes, or in one frame for a client that wants it whole."""
    whole: list[Part] = []
    while True:
        for _, event in await answering.answers.take(KEEP_ALIVE_S):
            match event:
                case Deliver():
                    whole += event.delta.parts
                    if job.stream:
                        await _say_tokens(say, tokens, whole)
                case Finished():
                    await _say_tokens(say, tokens, whole)
                    usage, report = event.report.usage, event.report
                    await say("jobTokens", tokens.finish(event.finish_reason, usage))
                    nano = answering.quote.shown(usage.prompt, usage.completion)["cost_nano_usd"]
                    cost = cost_json(nano, job.token_type, units)
                    await say("llmJobResult", tokens.result(usage, report.total_s, pseudonym(report.worker), cost))
                    return
                case Failed():
                    raise event.error
                case Progressed() | Made() | ToolProgress():
                    pass  # their frames have no place for it
                case _:
                    assert_never(event)


async def _say_tokens(say: Say, tokens: JobTokens, parts: list[Part]) -> None:
    frame = tokens.tokens(parts)
    parts.clear()
    if frame is not None:
        await say("jobTokens", frame)
