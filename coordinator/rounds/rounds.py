"""An answer in rounds, for those who word it: it offers what hub/answers.py offers of one chat, and submits the others.

Everything is pulled: the next round begins when the client has taken what the last one said, so a client that does not
read lets nothing run. One that leaves cancels the round that runs, or the calls.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from coordinator.dispatch.effects import Deliver, Failed, Finished, Report
from coordinator.dispatch.outlook import QueuePosition
from coordinator.hub.buffers import AnswerEvent
from coordinator.media.results import Result
from coordinator.rounds.calls import Calls
from coordinator.rounds.costs import Costs
from coordinator.rounds.course import MOST_ROUNDS, Course, Wanted
from coordinator.rounds.events import ToolProgress
from coordinator.rounds.standing import Log, Standing
from coordinator.rounds.submitted import Source, Submitted
from coordinator.rounds.turn import Turn
from wire.chat import ChatRequest, Content, FinishReason, Notice, Part
from wire.errors import SupernetError
from wire.messages import Delta

Event = tuple[int, AnswerEvent | ToolProgress]
Ask = Callable[[ChatRequest, int], Awaitable[Submitted]]  # submits a round by its number, from 2
# Runs the calls of a round: how many artefacts there are already, and what came of some calls before.
Run = Callable[[int, list[Wanted], int, Sequence[Result]], Calls]


class Rounds:
    """One answer of one choice: `first` is its first round, or how far it had come elsewhere. `platform`: names of the
    tools that are run here. `over` is told that no more is asked, as often as `cancel` is called; `note` how far it is,
    whenever something more is done that was paid for."""

    def __init__(
        self,
        course: Course,
        first: Submitted | Standing,
        platform: frozenset[str],
        costs: Costs,
        ask: Ask,
        run: Run,
        over: Callable[[], None],
        note: Callable[[Standing], None] | None = None,
    ) -> None:
        self._course = course
        self._chat: Submitted | None = None
        self._platform = platform
        self._turn = Turn(platform)
        self._costs = costs
        self._ask = ask
        self._run = run
        self._over = over
        self._note = note
        self._log = Log()
        self._again: list[Event] = []  # what the client was told before, and is to be told again
        self._calls: Calls | None = None
        self._wanted: list[Wanted] = []
        self._came: list[Result] = []  # of these, as it was told
        self._ended: Finished | None = None  # the round whose calls are run
        self.cut: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if isinstance(first, Standing):
            self._resume(first)
        else:
            self._chat = first
            self._listen_for_cut(first.answers)

    @property
    def waits(self) -> bool:
        """As Answers.waits: of the round that runs."""
        return self._chat is not None and self._chat.answers.waits

    async def settle(self, within_s: float) -> None:
        """As Answers.settle: of the first round."""
        if self._chat is not None:
            await self._chat.answers.settle(within_s)

    def early_error(self) -> SupernetError | None:
        """As Answers.early_error: of the first round."""
        return None if self._chat is None else self._chat.answers.early_error()

    def queue_position(self) -> QueuePosition | None:
        """The place of the round that waits; None while none does."""
        return None if self._calls is not None or self._chat is None else self._chat.answers.queue_position()

    def cancel(self) -> None:
        """The client has left, or has its answer."""
        if self._chat is not None:
            self._chat.answers.cancel()
        if self._calls is not None:
            self._calls.cancel()
        self._over()

    async def take(self, timeout_s: float) -> list[Event]:
        """The next events, as Answers.take; besides, how far the calls are."""
        if self._again:
            again, self._again = self._again, []
            return again
        if self._calls is None:
            assert self._chat is not None
            events: list[Event] = []
            for _, event in await self._chat.answers.take(timeout_s):
                if isinstance(event, Deliver):
                    events.append((0, self._delivered(event)))
                else:
                    events += self._of_chat(event)
            self._noted(events, self._calls is not None)
            return events
        told: list[Event] = []
        if self._calls.results is None:
            news = await self._calls.take(timeout_s)
            came = [progress.result for progress in news if progress.result is not None]
            self._came += came
            told += ((0, progress) for progress in news)
            self._noted(told, bool(came))
        results = self._calls.results
        if results is None:
            return told
        self._calls = None
        self._course.came_of(results)
        assert self._ended is not None
        if self._turn.has_clients_calls:
            return told + self._finish(self._ended, "tool_calls")
        if not self._course.may_go_on:
            return told + self._finish(self._ended, "length")
        request = self._course.go_on(self._turn, self._wanted, results)
        try:
            self._chat = await self._ask(request, self._course.round)
        except SupernetError as error:
            return told + self._broken(Failed(self._ended.job, error, self._ended.report))
        self._turn = Turn(self._platform)
        self._listen_for_cut(self._chat.answers)
        return told

    # ---- a round of the chat -------------------------------------------------------------------------------------

    def _of_chat(self, event: AnswerEvent | ToolProgress) -> list[Event]:
        match event:
            case Failed():
                self._course.told(self._turn.content)
                return self._broken(event)
            case Finished():
                return self._round_ended(event)
            case _:
                return []  # of media

    def _delivered(self, event: Deliver) -> Deliver:
        """What of it is for the client, in the count of all rounds. Empty ones carry tokens on to be counted."""
        shown = self._turn.take(event.delta.parts)
        before = self._course.used.completion
        if shown is event.delta.parts and not before:
            return event  # as nearly every one of nearly every chat is
        delta = event.delta if shown is event.delta.parts else event.delta.model_copy(update={"parts": shown})
        return replace(event, delta=delta, completion=before + event.completion)

    def _round_ended(self, event: Finished) -> list[Event]:
        usage = event.report.usage
        self._course.told(self._turn.content)
        assert self._chat is not None
        self._costs.round(self._chat.quote, usage.prompt, usage.completion)
        self._course.spent(usage)
        called = event.finish_reason == "tool_calls"
        self._wanted = self._course.wanted(self._turn) if called and self._course.round < MOST_ROUNDS else []
        if not self._wanted:
            ours_alone = called and not self._turn.has_clients_calls
            return self._finish(event, "stop" if ours_alone else event.finish_reason)
        self._chat.answers.cancel()  # all of it has been taken; while calls run nobody asks it for more
        self._ended, self._came = event, []
        self._calls = self._run(self._course.round, self._wanted, self._course.artefacts, ())
        return []

    # ---- another replica's answer --------------------------------------------------------------------------------

    def _noted(self, events: list[Event], done: bool) -> None:
        """The client is told these. `done`: something is that was paid for."""
        if self._note is None:
            return
        self._log.add([event for _, event in events])
        if not done or self._ended is None:
            return
        turn, costs = self._turn, self._costs
        standing = Standing(
            course=self._course.covered,
            content="".join(turn.content),
            reasoning="".join(turn.reasoning),
            has_clients_calls=turn.has_clients_calls,
            wanted=tuple(self._wanted),
            job=self._ended.job,
            finish_reason=self._ended.finish_reason,
            results=tuple(self._came),
            rounds=costs.rounds,
            made=costs.media,
            log=tuple(self._log.entries),
        )
        self._note(standing)

    def _resume(self, standing: Standing) -> None:
        """Go on where it stood: tell its client all again, and run the calls that are left."""
        self._course.resume(standing.course)
        self._costs.resume(standing.rounds, standing.made)
        self._turn.resume(standing.content, standing.reasoning, standing.has_clients_calls)
        self._log = Log(standing.log)
        self._again = [(0, event) for event in self._log.events(standing.job)]
        self._ended = Finished(standing.job, standing.finish_reason, Report(standing.course.used))
        self._wanted, self._came = list(standing.wanted), list(standing.results)
        self._calls = self._run(self._course.round, self._wanted, self._course.artefacts, standing.results)

    # ---- the end -------------------------------------------------------------------------------------------------

    def _finish(self, last: Finished, reason: FinishReason) -> list[Event]:
        """The end of the answer: links that its text lacks, and what all rounds took."""
        links = self._course.links()
        if self._course.round == 1 and not links and reason == last.finish_reason:
            return [(0, last)]  # as nearly every chat ends
        said = [self._said(last.job, Content(text=links))] if links else []
        whole = replace(last, finish_reason=reason, report=replace(last.report, usage=self._course.used))
        return [*said, (0, whole)]

    def _broken(self, failed: Failed) -> list[Event]:
        """A round failed. What was made before must not be lost: then the answer stands, and says what it lacks."""
        if not self._course.artefacts:
            return [(0, failed)]
        notice = Notice(text=f"the model's last words are missing: {failed.error.message}")
        last = Finished(failed.job, "stop", failed.report)
        return [self._said(failed.job, notice), *self._finish(last, "stop")]

    def _said(self, job: str, part: Part) -> Event:
        """Something that no worker said."""
        return 0, Deliver(job, Delta(job=job, attempt=1, seq=0, parts=(part,)), self._course.used.completion)

    def _listen_for_cut(self, answers: Source) -> None:
        """A client that does not read is cut off by the hub, which knows the round alone."""

        def cut(_: asyncio.Future[None]) -> None:
            if not self.cut.done():
                self.cut.set_result(None)

        answers.cut.add_done_callback(cut)
