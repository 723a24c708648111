"""The table of what becomes of a field; tests/coordinator/openai/test_chat_request.py holds the reader to it."""

from coordinator.openai.field_table import ACCEPTED, LABELS, LEFT_OUT, LIMITED, REFUSED


def test_every_field_of_the_lists_has_a_reason_and_stands_on_one_list_only() -> None:
    reasons = [*ACCEPTED.values(), *LABELS.values(), *LEFT_OUT.values(), *REFUSED.values()]
    reasons += [why for _, why in LIMITED.values()]
    assert all(len(reason.split()) > 1 for reason in reasons)
    assert not (set(ACCEPTED) & set(REFUSED) or set(ACCEPTED) & set(LIMITED) or set(REFUSED) & set(LIMITED))
