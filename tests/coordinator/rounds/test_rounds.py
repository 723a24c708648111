import asyncio
from collections.abc import Sequence

from coordinator.dispatch.effects import Deliver, Failed, Finished
from coordinator.dispatch.outlook import QueuePosition
from coordinator.hub.buffers import AnswerEvent
from coordinator.media.results import Result
from coordinator.rounds.calls import Calls
from coordinator.rounds.course import MOST_ROUNDS, Course, Wanted
from coordinator.rounds.events import ToolProgress
from coordinator.rounds.rounds import Event, Rounds
from coordinator.rounds.standing import Standing, made, read, write
from tests.coordinator.media.samples import conversation
from tests.coordinator.rounds.scripts import (
    Ran,
    Script,
    Studio,
    call,
    chat,
    drawing,
    ends,
    fails,
    says,
    thinks,
    url,
)
from wire.chat import CallDelta, ChatRequest, Content, Notice
from wire.errors import ErrorCode, SupernetError

DRAW = "sogni_generate_image"
CAT = call(DRAW, '{"prompt": "a cat"}')
NAMES = frozenset({DRAW})


class Answer:
    """An answer in rounds: each round takes the next of `rounds`."""

    def __init__(self, *rounds: list[AnswerEvent] | SupernetError, studio: Studio | None = None) -> None:
        self.studio = studio or Studio(*(drawing(number) for number in range(1, 41)))
        self.asked: list[ChatRequest] = []
        self.rounds = list(rounds)
        self.scripts: list[Script] = []
        self.ran: list[Calls] = []
        self.told: list[AnswerEvent | ToolProgress] = []
        self.noted: list[Standing] = []
        self.handles = conversation("image")
        self.is_over = False

    def over(self) -> None:
        self.is_over = True

    async def ask(self, request: ChatRequest, number: int) -> Ran:
        self.asked.append(request)
        assert number == len(self.asked) + 1
        return self.next()

    def next(self) -> Ran:
        script = self.rounds.pop(0)
        if isinstance(script, SupernetError):
            raise script
        self.scripts.append(Script(script))
        return Ran(self.scripts[-1])

    def run(self, number: int, wanted: list[Wanted], artefacts: int, known: Sequence[Result]) -> Calls:
        self.ran.append(Calls(self.studio.workshop(self.handles), str(number), wanted, artefacts, known))
        return self.ran[-1]

    def open(self, first: Ran | Standing | None = None) -> Rounds:
        course = Course("N", chat().request)
        first = first or self.next()
        return Rounds(course, first, NAMES, self.studio.costs, self.ask, self.run, self.over, self.noted.append)

    async def all(self, standing: Standing | None = None) -> "Answer":
        for medium in made(standing) if standing else ():
            self.handles.add(medium)
        rounds = self.open(standing)
        async with asyncio.timeout(10):
            while not any(isinstance(event, Finished | Failed) for event in self.told):
                events: list[Event] = await rounds.take(5)
                self.told += [event for _, event in events]
        return self

    @property
    def content(self) -> str:
        parts = [part for event in self.told if isinstance(event, Deliver) for part in event.delta.parts]
        return "".join(part.text for part in parts if isinstance(part, Content))

    @property
    def calls(self) -> list[CallDelta]:
        parts = [part for event in self.told if isinstance(event, Deliver) for part in event.delta.parts]
        return [part for part in parts if isinstance(part, CallDelta)]

    @property
    def end(self) -> Finished | Failed:
        last = self.told[-1]
        assert isinstance(last, Finished | Failed)
        return last

    @property
    def reason(self) -> str:
        assert isinstance(self.end, Finished)
        return self.end.finish_reason


async def test_an_answer_goes_on_elsewhere_from_wherever_it_is_noted() -> None:
    """After each of what was done the rest is the same: the answer, its price, and what the model is asked."""
    two = (*call(DRAW, '{"prompt": "a cat"}'), *call(DRAW, '{"prompt": "a dog"}', 1))
    whole = await Answer([thinks("hm"), says("I draw", ". ", *two), ends("tool_calls")], [says("Here."), ends()]).all()
    assert [len(standing.results) for standing in whole.noted] in ([0, 1, 2], [0, 2])
    for standing in whole.noted:
        read_again = read(write(standing))
        assert read_again == standing
        done = len(standing.results)
        answer = Answer([says("Here."), ends()], studio=Studio(*(drawing(number) for number in range(done + 1, 41))))
        await answer.all(read_again)
        assert answer.content == whole.content
        assert answer.asked == whole.asked
        assert len(answer.studio.jobs) == 2 - done, "nothing is made twice"
        assert answer.studio.costs.shown(0, 0) == whole.studio.costs.shown(0, 0)
        assert isinstance(answer.end, Finished) and isinstance(whole.end, Finished)
        assert answer.end.report.usage == whole.end.report.usage
        results = [event.result for event in answer.told if isinstance(event, ToolProgress) and event.result]
        assert [(one.call_id, one.seed is not None) for one in results] == [
            (event.result.call_id, True) for event in whole.told if isinstance(event, ToolProgress) and event.result
        ]


async def test_a_turn_with_calls_of_the_client_ends_elsewhere_as_it_would_have_here() -> None:
    mine = CallDelta(index=1, name="look_up", arguments="{}")
    whole = await Answer([says(*CAT, mine), ends("tool_calls")]).all()
    for standing in whole.noted:
        answer = await Answer(studio=Studio(*(drawing(number) for number in range(1, 41)))).all(standing)
        assert (answer.reason, answer.content) == ("tool_calls", whole.content)
        assert answer.calls == whole.calls


async def test_an_answer_without_a_call_is_as_it_is() -> None:
    answer = await Answer([thinks("hm"), says("hello"), ends()]).all()
    assert answer.content == "hello"
    assert answer.asked == []
    assert isinstance(answer.end, Finished)
    assert answer.end.report.usage.completion == 5


async def test_a_call_is_run_and_the_model_goes_on() -> None:
    answer = await Answer([says("I draw. ", *CAT), ends("tool_calls")], [says(f"Here: {url()}"), ends()]).all()
    assert answer.content == f"I draw. Here: {url()}"
    assert answer.calls == []
    assert answer.reason == "stop"
    assert isinstance(answer.end, Finished)
    assert (answer.end.report.usage.prompt, answer.end.report.usage.completion) == (20, 10)
    tools = [event for event in answer.told if isinstance(event, ToolProgress)]
    assert tools[-1].result is not None
    assert tools[-1].result.success
    assert answer.studio.costs.shown(0, 0)["cost_nano_usd"] == 30 + 1
    counts = [event.completion for event in answer.told if isinstance(event, Deliver)]
    assert counts == sorted(counts)


async def test_a_link_that_the_model_forgot_is_added() -> None:
    answer = await Answer([says(*CAT), ends("tool_calls")], [says("Done."), ends()]).all()
    assert answer.content == f"Done.\n\n![a cat]({url()})"


async def test_both_kinds_of_calls_in_one_turn() -> None:
    turn = says("Both.", *CAT, *call("look", '{"at": 1}', 1))
    answer = await Answer([turn, ends("tool_calls")]).all()
    assert [(piece.index, piece.name) for piece in answer.calls] == [(0, "look"), (0, None)]
    assert answer.reason == "tool_calls"
    assert answer.content == f"Both.\n\n![a cat]({url()})"
    assert answer.asked == []


async def test_the_clients_calls_alone_end_the_answer() -> None:
    answer = await Answer([says(*call("look", "{}")), ends("tool_calls")]).all()
    assert (answer.reason, len(answer.calls), answer.studio.jobs) == ("tool_calls", 2, [])


async def test_the_limit_of_rounds_ends_in_a_text() -> None:
    again: list[list[AnswerEvent]] = [[says(*CAT), ends("tool_calls")] for _ in range(MOST_ROUNDS - 1)]
    answer = await Answer(*again, [says("Enough."), ends()]).all()
    assert [request.tool_choice for request in answer.asked] == ["auto", "auto", "auto", "none"]
    assert answer.content.startswith("Enough.")
    assert answer.content.count("![a cat]") == MOST_ROUNDS - 1
    assert answer.reason == "stop"


async def test_a_worker_that_calls_in_the_last_round_all_the_same() -> None:
    again: list[list[AnswerEvent]] = [[says(*CAT), ends("tool_calls")] for _ in range(MOST_ROUNDS)]
    answer = await Answer(*again).all()
    assert len(answer.studio.jobs) == MOST_ROUNDS - 1
    assert answer.reason == "stop"


async def test_half_a_call_is_not_run() -> None:
    answer = await Answer([says("I dr", *CAT[:1]), ends("length")]).all()
    assert (answer.content, answer.reason, answer.studio.jobs) == ("I dr", "length", [])


async def test_a_round_that_cannot_be_asked_does_not_lose_what_was_made() -> None:
    short = SupernetError(ErrorCode.INSUFFICIENT_QUOTA, "no money")
    answer = await Answer([says(*CAT), ends("tool_calls")], short).all()
    assert answer.content == f"\n\n![a cat]({url()})"
    assert answer.reason == "stop"
    notices = [
        part
        for event in answer.told
        if isinstance(event, Deliver)
        for part in event.delta.parts
        if isinstance(part, Notice)
    ]
    assert notices == [Notice(text="the model's last words are missing: no money")]


async def test_a_round_that_fails_after_calls_that_made_nothing_is_an_error() -> None:
    studio = Studio([fails("no worker")])
    answer = await Answer([says(*CAT), ends("tool_calls")], [fails("engine crashed")], studio=studio).all()
    assert isinstance(answer.end, Failed)
    assert answer.end.error.message == "engine crashed"


async def test_the_first_round_fails_as_any_answer() -> None:
    answer = Answer([fails("no worker")])
    assert (await answer.all()).end == fails("no worker") or isinstance(answer.end, Failed)


async def test_it_waits_while_the_round_that_runs_does() -> None:
    answer = Answer([says("hello"), ends("stop")])
    rounds = answer.open()
    assert not rounds.waits
    answer.scripts[0].position = QueuePosition(2, 5.0)
    assert rounds.waits
    assert rounds.queue_position() == QueuePosition(2, 5.0)


async def test_a_leaver_cancels_the_round_or_the_calls() -> None:
    answer = Answer([says("hello")])
    rounds = answer.open()
    await rounds.take(5)
    assert not answer.is_over
    rounds.cancel()
    assert answer.scripts[0].cancelled and answer.is_over

    drawn = Answer([says(*CAT), ends("tool_calls")], studio=Studio([]))
    rounds = drawn.open()
    while not drawn.studio.ran:
        await rounds.take(0.01)
    assert rounds.queue_position() is None
    assert drawn.scripts[0].cancelled, "nobody reads from it while calls run: its client is not slow"
    rounds.cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    assert drawn.studio.ran[0].cancelled


async def test_a_client_that_does_not_read_is_cut_off_in_any_round() -> None:
    answer = Answer([says(*CAT), ends("tool_calls")], [says("x")])
    rounds = answer.open()
    while len(answer.scripts) < 2:
        await rounds.take(5)
    assert not rounds.cut.done()
    answer.scripts[1].cut.set_result(None)
    await asyncio.sleep(0)
    assert rounds.cut.done()
