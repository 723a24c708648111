"""What people read."""

import pytest

from coordinator.alerts.kinds import kinds
from coordinator.alerts.messages import LISTED, Message, Told, lasted, messages
from coordinator.alerts.subjects import Key

KINDS = kinds(300.0)
NOW = 1_796_158_800.0


def down(name: str, *, over: bool = False) -> Told:
    return Told(Key("acc_1", "worker_down", name), name, over, NOW - 600)


def one(told: Told) -> Message:
    (message,) = messages([told], KINDS, NOW)
    return message


def test_a_worker_that_is_down_and_back() -> None:
    message = one(down("attic"))
    assert (message.title, message.level) == ("attic is down", "error")
    assert message.text.startswith("It has not been connected since 20:50 UTC, for 10 minutes. Look whether")
    back = one(down("attic", over=True))
    assert (back.title, back.text) == ("attic is back", "It is connected again after 10 minutes.")


def test_a_problem_is_named_and_its_remedy_told() -> None:
    told = Told(Key("acc_1", "worker_problem", "w1/disk_full"), "attic\nNo room. Free some.", False, NOW)
    message = one(told)
    assert (message.title, message.text) == ("attic has a problem: disk_full", "No room. Free some.")
    over = one(Told(told.key, told.words, True, NOW - 90))
    assert (over.title, over.text) == ("attic: disk_full is over", "It lasted 90 seconds.")


def test_a_name_is_no_pattern() -> None:
    assert one(down("{what.__class__} {0}")).title == "{what.__class__} {0} is down"


@pytest.mark.parametrize(("count", "made"), [(3, 3), (4, 1), (300, 1)])
def test_many_at_once_are_one_message_for_each_account(count: int, made: int) -> None:
    theirs = [down(f"w{number:03}") for number in range(count)]
    other = Told(Key("acc_2", "worker_down", "x"), "x", False, NOW)
    found = messages([*theirs, other], KINDS, NOW)
    assert len([message for message in found if message.account == "acc_1"]) == made
    assert len([message for message in found if message.account == "acc_2"]) == 1
    if made == 1:
        assert found[0].title == f"w000 is down, and {count - 1} more like it"
        assert found[0].text.endswith(f"; and {count - LISTED} more." if count > LISTED else "w003 is down.")


def test_bounds_of_balances_are_each_their_own() -> None:
    low = [Told(Key("acc_1", "balance_low", f"alert_{n}"), "\n$0 can be spent.", False, NOW) for n in range(5)]
    assert [message.subject for message in messages(low, KINDS, NOW)] == [f"alert_{n}" for n in range(5)]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "0 seconds"), (90, "90 seconds"), (600, "10 minutes"), (9000, "2 hours"), (260_000, "3 days")],
)
def test_times_as_people_say_them(seconds: float, words: str) -> None:
    assert lasted(seconds) == words
