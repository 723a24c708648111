"""What goes out of a replica and comes in, in order."""

import pytest

from coordinator.cluster.lanes import post as posts
from coordinator.cluster.lanes.post import MOST_ASKS, TOGETHER, TOGETHER_BYTES, Letter, Post
from coordinator.cluster.protocol.codec import encode
from coordinator.cluster.protocol.effects import Ask, BusEffect, Flush, Publish, Reply
from coordinator.cluster.protocol.envelope import Envelope, pack
from coordinator.cluster.protocol.messages import (
    MAX_MESSAGE_BYTES,
    Cancel,
    Event,
    EventItem,
    Events,
    Message,
    Placed,
    Taken,
)
from coordinator.cluster.protocol.news import Gone, Looked, Ping, Pong, Revised, Snapshot
from coordinator.dispatch.effects import Effect, Progressed, Queued
from coordinator.dispatch.so_far import Tried
from wire.chat import Content
from wire.messages import Delta

A, B = "0000000a", "0000000b"


def test_what_is_put_on_lanes_waits_for_one_flush() -> None:
    post, there = Post(A), Post(B)
    post.emit([Queued("j", 1)])
    post.tell(B, Ping())
    assert post.collect() == [Queued("j", 1), Flush()]
    post.tell(B, Pong())
    assert post.collect() == []
    post.flush(1.0)
    (sent,) = post.collect()
    assert isinstance(sent, Publish) and there.read(sent.data) == Letter(A, (Ping(), Pong()))
    post.tell(B, Ping())
    assert post.collect() == [Flush()]


def test_what_no_client_waits_for_can_wait() -> None:
    post = Post(A)

    def tell(*events: Event) -> list[Effect | BusEffect]:
        post.tell(B, Events(tuple(("job", 1, number, event) for number, event in enumerate(events))))
        return post.collect()

    first, later = (Delta(job="job", attempt=1, seq=seq, tokens=(5,)) for seq in (0, 1))
    assert tell(later) == [Flush(can_wait=True)] and tell(later, later) == []
    assert tell(later, first) == [Flush()], "a first token has somebody waiting for it, and takes the others along"
    assert tell(later) == tell(first) == []
    post.flush(1.0)
    assert len(post.collect()) == 1
    assert tell(Progressed("job", "loading")) == [Flush(can_wait=True)]
    post.tell(B, Taken((("job", 1, 2, 1, 2),)))
    assert post.collect() == []
    post.tell(B, Cancel("job", 1))
    assert post.collect() == [Flush()]
    post.flush(1.0)
    assert len(post.collect()) == 1
    assert tell(Placed("worker", "1", 1, Tried())) == [Flush()], "its edge must know of it should this process die now"


def _token(seq: int, text: str = "a") -> EventItem:
    return "job", 1, seq, Delta(job="job", attempt=1, seq=seq, tokens=(5,), parts=(Content(text=text),))


def _read(post: Post) -> tuple[Message, ...]:
    post.flush(1.0)
    there, told = Post(B), post.collect()
    letters = [there.read(sent.data) for sent in told if isinstance(sent, Publish)]
    return tuple(message for letter in letters if letter is not None for message in letter.messages)


def test_events_of_several_calls_are_one_message() -> None:
    post = Post(A)
    for seq in range(3):
        post.tell(B, Events((_token(seq),)))
    assert _read(post) == (Events((_token(0), _token(1), _token(2))),)
    assert _read(post) == ()


def test_events_keep_their_place_among_other_messages() -> None:
    post = Post(A)
    for message in (Ping(), Events((_token(0),)), Pong(), Events((_token(1),))):
        post.tell(B, message)
    assert _read(post) == (Ping(), Events((_token(0),)), Pong(), Events((_token(1),)))


def test_large_events_do_not_take_others_along() -> None:
    post = Post(A)
    items = [_token(0), _token(1, "b" * TOGETHER_BYTES), _token(2), _token(3)]
    for item in items:
        post.tell(B, Events((item,)))
    messages = _read(post)
    assert len(messages) > 1 and Events((items[1],)) in messages
    assert [item for message in messages if isinstance(message, Events) for item in message.items] == items


def test_a_long_event_has_others_encoded_anew_a_few_times_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = list[bytes]()

    def counted(message: Message) -> bytes:
        encoded.append(encode(message))
        return encoded[-1]

    monkeypatch.setattr(posts, "encode", counted)
    post = Post(A)
    post.tell(B, Events((_token(0, "b" * TOGETHER_BYTES), *(_token(seq) for seq in range(1, TOGETHER)))))
    _read(post)
    assert sum(map(len, encoded)) < 16 * TOGETHER_BYTES


def test_many_events_are_several_messages() -> None:
    post = Post(A)
    items = tuple(_token(seq) for seq in range(2 * TOGETHER + 1))
    post.tell(B, Events(items))
    assert _read(post) == (Events(items[:TOGETHER]), Events(items[TOGETHER:-1]), Events(items[-1:]))


def test_who_is_gone_is_told_no_events() -> None:
    post = Post(A)
    post.tell(B, Events((_token(0),)))
    post.gone(B)
    assert _read(post) == () and post.collect() == []


def test_what_all_are_told_goes_at_once_and_nothing_where_there_is_nothing() -> None:
    post = Post(A)
    post.tell_all([])
    assert post.collect() == []
    post.tell_all([Revised(), Gone("w", "i")])
    (sent,) = post.collect()
    assert isinstance(sent, Publish) and sent.to is None
    assert Post(B).read(sent.data) == Letter(A, (Revised(), Gone("w", "i")))


def test_a_question_has_one_answer() -> None:
    asker, asked, found = Post(A), Post(B), list[tuple[Message, ...]]()
    asker.ask(B, Ping(), 1.0, lambda messages, now: found.append(messages), 1.0)
    (ask,) = asker.collect()
    assert isinstance(ask, Ask) and ask.to == B
    asked.reply(7, [Pong()])
    (reply,) = asked.collect()
    assert isinstance(reply, Reply) and reply.ask == 7
    assert asker.answered(ask.ask, reply.data, 2.0) == B
    assert asker.answered(ask.ask, reply.data, 2.0) == B
    assert found == [(Pong(),)]


@pytest.mark.parametrize("data", [None, b"junk"])
def test_no_answer_is_an_empty_one(data: bytes | None) -> None:
    post, found = Post(A), list[tuple[Message, ...]]()
    post.ask(B, Ping(), 1.0, lambda messages, now: found.append(messages), 1.0)
    (ask,) = post.collect()
    assert isinstance(ask, Ask)
    assert post.answered(ask.ask, data, 2.0) is None and found == [()]


def test_questions_without_an_answer_are_bounded() -> None:
    post, found = Post(A), list[tuple[Message, ...]]()
    for _ in range(MOST_ASKS + 1):
        post.ask(B, Snapshot(), 1.0, lambda messages, now: found.append(messages), 1.0)
    assert found == [()] and len(post.collect()) == MOST_ASKS
    post.ask(B, Ping(), 1.0, lambda messages, now: found.append(messages), 1.0)
    assert len(post.collect()) == 1, "nobody is taken for dead because strangers' workers ask much"


def test_what_is_not_understood_is_counted_and_the_rest_is_heard() -> None:
    post = Post(A)
    assert post.read(b"junk") is None
    assert post.read(pack(Envelope(B, (b"Tomorrow\n{}", encode(Ping()))))) == Letter(B, (Ping(),))
    assert post.unreadable == 2


def test_a_message_that_is_too_long_does_not_go() -> None:
    post = Post(A)
    assert not post.tell(B, Looked("x" * (MAX_MESSAGE_BYTES + 1)))
    assert post.collect() == []
