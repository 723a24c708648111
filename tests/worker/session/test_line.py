from wire.messages import Capacity, Welcome
from worker.session.effects import Send
from worker.session.line import Line


def test_nothing_is_sent_before_the_coordinator_has_answered_nor_after_it_is_lost() -> None:
    line = Line()
    assert line.send(Capacity()) == []
    line.up(Welcome(session="s"))
    assert line.send(Capacity()) == [Send(Capacity())]
    line.down(1.0)
    assert line.send(Capacity()) == []


def test_what_the_coordinator_says_of_its_windows_holds_from_welcome_on() -> None:
    line = Line()
    line.up(Welcome(session="s", window_tokens=7, resume_window_s=9, heartbeat_s=3))
    assert (line.session_id, line.window_tokens, line.resume_window_s, line.heartbeat_s) == ("s", 7, 9, 3)


def test_a_session_is_lost_once_when_the_line_was_down_for_too_long() -> None:
    line = Line()
    line.down(0.0)
    assert not line.expired(1e9), "there was none"
    line.up(Welcome(session="s", resume_window_s=60))
    assert not line.expired(1e9), "the line is up"
    line.down(100.0)
    line.down(150.0)  # a dial that failed: it has been down since 100
    assert not line.expired(160.0)
    assert line.expired(160.1) and line.session_id is None
    assert not line.expired(200.0)
