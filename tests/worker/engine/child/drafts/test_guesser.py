from worker.engine.child.drafts.guesser import FORGIVEN, MOST, MOST_AHEAD, Guesser, usual_rates

TEXT = list(range(100, 140)) * 2 + list(range(100, 110))  # a copy that is ten tokens old


def guesser() -> Guesser:
    return Guesser(usual_rates(), 4096)


def test_it_guesses_what_followed_before_and_no_more_than_may_come() -> None:
    one = guesser()
    assert one.look(TEXT, 99).guesses == MOST
    assert one.take(3, 2.0) == (110, 111, 112)
    assert guesser().look(TEXT, 2).guesses == 2
    assert guesser().look(TEXT, 0).guesses == guesser().look(TEXT, -1).guesses == 0


def test_a_text_with_pictures_in_it_is_not_read() -> None:
    assert guesser().look([1, 2, *range(-300, -1), 3], 0).guesses == 0


def test_guesses_that_come_true_are_trusted_more_and_the_others_less() -> None:
    right, wrong = guesser(), guesser()
    for one, then in ((right, [110, 111, 112, 113]), (wrong, [7])):
        before = one.look(TEXT, 9).rate
        one.take(3, 2.0)
        again = [*TEXT, *then, *TEXT]
        assert (one.look(again, 9).rate > before) is (one is right)


def test_a_guess_that_nothing_was_computed_for_is_judged_by_its_first_token() -> None:
    one = guesser()
    before = one.look(TEXT, 9).rate
    assert one.look([*TEXT, 7, *TEXT], 9).rate < before


def test_what_a_step_took_longer_is_made_up_by_the_tokens_that_came_of_it() -> None:
    one = guesser()
    one.look(TEXT, 9)
    one.take(3, 2.5)
    one.look([*TEXT, 110, 111, 112, 113], 9)
    assert one.behind == 2.5 - 4
    one.take(3, 9.5)
    one.look([*TEXT, 110, 111, 112, 113, 7], 9)
    assert one.behind == 2.5 - 4 + 9.5 - 1
    one.look([*TEXT, 110, 111, 112, 113, 7, 8], 9)
    assert one.behind == 2.5 - 4 + 9.5 - 1 - FORGIVEN, "a step without guesses"


def test_a_long_copy_saves_up_no_more_than_some_tokens() -> None:
    one, text = guesser(), list(TEXT)
    for token in range(300):
        one.look(text, 9)
        one.take(1, 1.0)
        text.append(100 + (token + 10) % 40)
    assert one.behind == -MOST_AHEAD
