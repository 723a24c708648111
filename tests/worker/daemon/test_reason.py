from worker.daemon.reason import MOST_SAID, Reason


def test_what_was_said_is_one_bounded_line_without_control_characters() -> None:
    line = Reason("HTTP 503", said="a\n\x1b[2J\u202e" + "b" * 5000).in_full
    assert line.startswith(r"HTTP 503; the answer says 'a\n\x1b[2J\u202ebbb") and line.isprintable()
    assert len(line) < MOST_SAID + 60
    assert Reason("HTTP 503").in_full == "HTTP 503"
