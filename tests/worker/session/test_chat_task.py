"""A chat between Start and its end: what the engine is told, and what its tokens mean."""

from wire.chat import ChatRequest, Content, Message, Usage
from wire.errors import ErrorCode
from worker.chat.prepared import Prepared, Reading
from worker.engine.port import JobUsage, Token
from worker.session.chat_task import ChatTask

REQUEST = ChatRequest(messages=(Message(role="user", content="hi"),), max_tokens=10)


def prepared(*delivered: bytes, stop: tuple[str, ...] = (), thinks: bool = False) -> Prepared:
    reading = Reading(format="qwen-json", stop=stop, in_reasoning=thinks, reasons=thinks)
    return Prepared((1, 2, 3), (), reading, delivered)


def token(piece: bytes) -> Token:
    return Token("a.1", 7, piece)


def test_the_engine_is_told_what_was_asked_and_how_much_room_there_is() -> None:
    task = ChatTask(REQUEST, seed=5, delivered=(8, 9))
    submit = task.submit("a.1", prepared(), context=100)
    assert (submit.job, submit.prompt, submit.max_tokens, submit.seed, submit.delivered) == (
        "a.1",
        (1, 2, 3),
        10,
        5,
        (8, 9),
    )
    assert task.submit("a.1", prepared(), context=8).max_tokens == 5, "what the prompt leaves"


def test_it_goes_on_in_silence_behind_the_tokens_that_the_client_has() -> None:
    task = ChatTask(REQUEST, 1, (8,))
    assert not task.begun
    task.begin(prepared(b"Hel"))
    assert task.begun and not task.stopped
    assert task.push(token(b"lo")) == [Content(text="lo")]
    assert task.finish(cut=False) == ([], "stop")


def test_a_stop_string_among_the_delivered_tokens_ends_it_before_it_runs() -> None:
    task = ChatTask(REQUEST, 1, (8,))
    task.begin(prepared(b"the END", stop=("END",)))
    assert task.stopped


def test_usage_counts_reasoning_where_it_is_read() -> None:
    task = ChatTask(REQUEST, 1, ())
    spent = JobUsage(prompt=5, cached=3, completion=2)
    assert task.usage(spent).reasoning == 0
    task.begin(prepared(thinks=True))
    task.push(token(b"hm"))
    assert task.usage(spent) == Usage(prompt=5, cached=3, completion=2, reasoning=1)


def test_only_a_request_that_is_no_good_has_a_field_at_fault() -> None:
    constrained = ChatTask(REQUEST.model_copy(update={"json_schema": {}}), 1, ())
    assert constrained.param_at_fault(ErrorCode.ENGINE_ERROR) is None
    assert constrained.param_at_fault(ErrorCode.INVALID_REQUEST) is not None
