"""What a worker uploads may come to any replica: its job's edge is asked, which knows the cell with the worker."""

from dataclasses import replace

from coordinator.cluster.edge.itinerary import Itinerary
from coordinator.cluster.lanes.post import Post
from coordinator.cluster.protocol.ids import ReplicaId
from coordinator.cluster.protocol.messages import Counts, MayUpload, Message, Upload, Uploaded
from coordinator.dispatch.dispatch import Dispatch
from coordinator.dispatch.effects import Effect

RELAY_S = 0.8  # for the cell to answer its edge, which is to answer within a second


def asked(
    dispatch: Dispatch, itinerary: Itinerary, post: Post, ask: int, question: Upload | Uploaded, now: float
) -> list[Effect]:
    """Another replica, or our own shell, asks of an attempt's upload. Returns what follows from it here."""
    cell = _cell(itinerary, question.job)
    if cell is not None:

        def answered(messages: tuple[Message, ...], now: float) -> None:
            # A cell that is silent may have taken it: then whoever asked has no answer either, and has it sent again.
            post.reply(ask, messages[:1])

        post.ask(cell, question, RELAY_S, answered, now)
        return []
    if isinstance(question, Upload):
        spec = dispatch.upload(question.job, question.attempt, question.token)
        post.reply(ask, [MayUpload(None if spec is None else replace(spec, blobs={}))])
        return []
    made = question.artefact if question.artefact is not None else question.error
    effects = None if made is None else dispatch.uploaded(question.job, question.attempt, made, now)
    post.reply(ask, [Counts(effects is not None)])
    return effects or []


def _cell(itinerary: Itinerary, job: str) -> ReplicaId | None:
    journey = itinerary.jobs.get(job)
    return None if journey is None else journey.cell
