"""What happened in a step, kept until it is told."""

from collections.abc import Callable

from worker.engine.child.job import Drawn
from worker.engine.port import Ended, Event, Stepped, Token


class Outbox:
    """Collects what happened in a step: all its tokens are told as one Stepped, then the ends of jobs.

    Append to `drawn` (name of the job, token) and `ended`. `piece`: the bytes of a token.
    """

    def __init__(self, piece: Callable[[int], bytes], emit: Callable[[Event], None]) -> None:
        self._piece, self._emit = piece, emit
        self.drawn: list[tuple[str, Drawn]] = []
        self.ended: list[Ended] = []

    def flush(self) -> None:
        """Emit what was collected since the last flush."""
        if self.drawn:
            self._emit(Stepped(tuple(self._token(job, drawn) for job, drawn in self.drawn)))
            self.drawn = []
        if self.ended:
            ended, self.ended = self.ended, []
            for event in ended:
                self._emit(event)

    def _token(self, job: str, drawn: Drawn) -> Token:
        top = tuple((self._piece(token), logprob) for token, logprob in drawn.top)
        return Token(job, drawn.token, self._piece(drawn.token), drawn.logprob, top)
