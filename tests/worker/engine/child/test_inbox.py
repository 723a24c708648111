"""Commands from other threads."""

import threading
import time

from worker.engine.child.inbox import Inbox
from worker.engine.port import Cancel

ONE, TWO = Cancel("one"), Cancel("two")


def test_commands_are_taken_once_and_in_their_order() -> None:
    inbox = Inbox()
    inbox.post(ONE)
    inbox.post(TWO)
    assert (list(inbox.take()), list(inbox.take())) == ([ONE, TWO], [])


def test_a_command_ends_the_wait_and_is_not_lost() -> None:
    inbox = Inbox()
    threading.Timer(0.01, inbox.post, (ONE,)).start()
    inbox.wait(30)
    inbox.post(TWO)
    inbox.wait(30)  # there is something to do already
    assert list(inbox.take()) == [ONE, TWO]


def test_a_wait_ends_without_a_command_when_somebody_wakes_it_or_time_is_up() -> None:
    inbox = Inbox()
    began = time.monotonic()
    inbox.wake()
    inbox.wait(30)
    inbox.wait(-1.0)
    assert time.monotonic() - began < 30 and list(inbox.take()) == []
