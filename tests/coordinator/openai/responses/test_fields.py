"""The lists of what has no effect, one value, or no place here."""

from coordinator.openai.responses.fields import ACCEPTED, INCLUDED, LEFT_OUT, LIMITED, REFUSED


def test_every_entry_has_a_reason_and_stands_on_one_list() -> None:
    reasons = [*ACCEPTED.values(), *INCLUDED.values(), *LEFT_OUT.values(), *REFUSED.values()]
    assert all(len(reason.split()) > 1 for reason in [*reasons, *(why for _, why in LIMITED.values())])
    assert len({*ACCEPTED, *LIMITED, *REFUSED}) == len(ACCEPTED) + len(LIMITED) + len(REFUSED)
