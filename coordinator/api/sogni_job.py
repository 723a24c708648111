"""One job of a socket of Sogni's SDKs: submitted as a chat completion is, and told in their frames."""

from collections.abc import Awaitable, Callable, Mapping
from typing import assert_never

from coordinator.api.answering import KEEP_ALIVE_S, Submission
from coordinator.api.chat import fingerprint
from coordinator.api.errors import renamed
from coordinator.api.intake import Admitted, Intake
from coordinator.api.served_headers import pseudonym
from coordinator.dispatch.effects import Deliver, Failed, Finished, Made, Progressed
from coordinator.ledger.pricing import decimal, paying
from coordinator.openai.chat_response import Envelope
from coordinator.openai.json_body import Json
from coordinator.request import ChatJob
from coordinator.rounds.offer import Offer, given
from coordinator.sogni.account import cost_json
from coordinator.sogni.answer import JobTokens
from wire.chat import Part
from wire.errors import SupernetError

# Sogni's own clients declare such tools themselves, and run what they call.
DECLARED_BY_CLIENTS = Offer(without="on this socket a client declares such tools itself, in 'tools'")
LOOK_S = 1.0  # between two looks at the place in the queue

Say = Callable[[str, Json], Awaitable[None]]


async def answered(
    say: Say,
    intake: Intake,
    job_id: str,
    job: ChatJob,
    admitted: Admitted,
    headers: Mapping[str, str],
    unread: Callable[[], None],
) -> None:
    """Tell the whole of a job, to its result. `unread` is called if the client does not read.

    Raises what `Intake.submit` raises, and the error of a job that failed. Cancelled when the client has left or
    does not want it any more.
    """
    await say("jobState", {"jobID": job_id, "type": "pending", "modelId": job.model.id})
    job = given(job, DECLARED_BY_CLIENTS)
    answering = await intake.submit(job, admitted, headers)
    answering.answers.cut.add_done_callback(lambda _: unread())
    envelope = Envelope(f"chatcmpl-{answering.name}", answering.created, job.model.id, fingerprint(job.model))
    try:
        await _wait(say, job_id, job, answering)
        await _tell(say, job_id, job, answering, JobTokens(job_id, envelope, job.warnings))
    except SupernetError as error:
        raise renamed(error, {}, job.pictures) from error
    finally:
        answering.answers.cancel()


async def _wait(say: Say, job_id: str, job: ChatJob, answering: Submission) -> None:
    """Until a worker gives the answer. The place in the queue is told whenever it is another."""
    answers, told, quote = answering.answers, None, answering.quote
    unit = quote.units.of(paying(job.token_type)[0])
    waiting: Json = {"jobID": job_id, "type": "queued", "modelId": job.model.id}
    waiting["estimatedCost"] = decimal(sum(quote.held.values()), unit)
    while not answers.decided.is_set():
        standing = answers.queue_position()
        if standing is not None and standing.place != told:
            told = standing.place
            wait = {"queuePosition": told, "estimatedStartSeconds": round(standing.wait_s, 1), "queueStatus": "waiting"}
            await say("jobState", {**waiting, **wait})
        await answers.settle(LOOK_S)
    if answers.early_error() is None:
        await say("jobState", {"jobID": job_id, "type": "jobStarted", "modelId": job.model.id})


async def _tell(say: Say, job_id: str, job: ChatJob, answering: Submission, tokens: JobTokens) -> None:
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
                    cost = cost_json(nano, job.token_type, answering.quote.units)
                    await say("llmJobResult", tokens.result(usage, report.total_s, pseudonym(report.worker), cost))
                    return
                case Failed():
                    raise event.error
                case Progressed() | Made():
                    pass  # of what is no chat
                case _:
                    assert_never(event)


async def _say_tokens(say: Say, tokens: JobTokens, parts: list[Part]) -> None:
    frame = tokens.tokens(parts)
    parts.clear()
    if frame is not None:
        await say("jobTokens", frame)
