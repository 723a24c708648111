"""The lists of what has no effect, one value, or no place here."""

from coordinator.anthropic.fields import ACCEPTED, LABELS, LEFT_OUT, LIMITED, REFUSED


def test_every_entry_has_a_reason_and_stands_on_one_list() -> None:
    reasons = [
        *ACCEPTED.values(),
        *LABELS.values(),
        *LEFT_OUT.values(),
        *REFUSED.values(),
        *(why for _, why in LIMITED.values()),
    ]
    assert all(len(reason.split()) > 1 for reason in reasons)
    assert len({*ACCEPTED, *LABELS, *LIMITED, *REFUSED}) == sum(map(len, (ACCEPTED, LABELS, LIMITED, REFUSED)))
