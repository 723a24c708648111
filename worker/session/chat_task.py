"""The chat of one attempt: its request on the way to the engine, and the engine's tokens on the way to the client.

All that an attempt knows of the kind of its request is here. A second kind is one more class beside this one, chosen by
the request's class in Jobs.start; numbering, replay, leases and ends are the same for every kind.
"""

from dataclasses import dataclass

from wire.chat import ChatRequest, FinishReason, Notice, Part, Usage
from wire.errors import ErrorCode
from worker.chat.answer import Answer
from worker.chat.grammar import constrained_by
from worker.chat.prepared import Prepared
from worker.chat.written import Claim, Written
from worker.engine import port


@dataclass
class ChatTask:
    """One chat of an attempt: its request, and the reader of its answer.

    `delivered` are tokens that another worker made: the client has them, and the answer goes on behind them.
    """

    request: ChatRequest
    seed: int
    delivered: tuple[int, ...]
    answer: Answer | None = None  # set once the request is prepared
    said: tuple[str, ...] = ()  # by the grammar library, for the client
    written: Written | None = None

    @property
    def begun(self) -> bool:
        """The request was prepared: the engine has it, or has had it."""
        return self.answer is not None

    @property
    def stopped(self) -> bool:
        """The answer is over by its own text: a stop string, or the only call. The engine need not go on."""
        return self.answer is not None and self.answer.stopped

    @property
    def stop(self) -> str | None:
        """The stop string that ended the answer."""
        return None if self.answer is None else self.answer.stop

    def begin(self, prepared: Prepared) -> None:
        """Start reading the answer, with the tokens that were delivered before the job came here."""
        answer, written = Answer(prepared.reading), Written(self.request, prepared.unheld)
        for piece in prepared.delivered_pieces:
            written.add(answer.push(piece))  # in silence: the client has what they meant
        self.answer, self.written, self.said = answer, written, prepared.said

    def submit(self, job: str, prepared: Prepared, context: int) -> port.Submit:
        """Return the engine's command. `context`: tokens of one slot, prompt and answer together."""
        return port.Submit(
            job=job,
            prompt=prepared.prompt,
            max_tokens=min(self.request.max_tokens, context - len(prepared.prompt)),
            sampling=self.request.sampling,
            seed=self.seed,
            delivered=self.delivered,
            anchors=prepared.anchors,
            constraint=prepared.constraint,
            reasoning=prepared.reasoning,
            ignore_eos=self.request.ignore_eos,
            pictures=prepared.pictures,
        )

    def push(self, token: port.Token) -> list[Part]:
        """Return what one more token means. Raises whatever a bug in reading answers raises."""
        assert self.answer is not None and self.written is not None, "only a prepared job has tokens"
        parts = self.answer.push(token.piece)
        self.written.add(parts)
        return parts

    def finish(self, cut: bool) -> tuple[list[Part], FinishReason]:
        """Return the parts that were held back, and how the answer ended. `cut`: there was no room for more of it."""
        assert self.answer is not None and self.written is not None, "only a prepared job can be over"
        parts, reason = self.answer.finish("length" if cut else "stop")
        self.written.add(parts)
        return [*parts, *(Notice(text=line) for line in self.said)], reason

    def claims(self) -> tuple[Claim, ...]:
        """Return what of the finished answer is to be checked against its schema."""
        return () if self.written is None else self.written.claims()

    def usage(self, spent: port.JobUsage) -> Usage:
        """Return what the client is told that it used."""
        reasoning = self.answer.reasoning_tokens if self.answer else 0
        return Usage(prompt=spent.prompt, cached=spent.cached, completion=spent.completion, reasoning=reasoning)

    def param_at_fault(self, code: ErrorCode) -> str | None:
        """Return the field of the request that an engine's error is about; None: about no field."""
        # the only fault that an engine finds in a checked request is a grammar that is no good
        return constrained_by(self.request) if code is ErrorCode.INVALID_REQUEST else None
