from program.printable import printable


def test_no_word_of_a_stranger_commands_a_terminal_or_begins_a_line() -> None:
    assert printable("a\x1b[2J\nb\u202ec é") == "a [2J b c é"
    assert printable("a\nb", "?") == "a?b"
