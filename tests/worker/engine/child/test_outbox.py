"""A step's tokens in one event, its ends behind them."""

import math

from worker.engine.child.job import Drawn
from worker.engine.child.outbox import Outbox
from worker.engine.port import Ended, Event, Stepped, Token


def test_all_tokens_of_a_step_are_one_event_and_the_ends_follow() -> None:
    events: list[Event] = []
    outbox = Outbox(lambda token: b"%d" % token, events.append)
    outbox.ended.append(Ended("a", "stop"))
    outbox.drawn += [("a", Drawn(7)), ("b", Drawn(8, -0.5, ((8, -0.5), (9, -math.inf))))]
    outbox.flush()
    outbox.flush()
    known = Token("b", 8, b"8", -0.5, ((b"8", -0.5), (b"9", -math.inf)))
    assert events == [Stepped((Token("a", 7, b"7"), known)), Ended("a", "stop")]
