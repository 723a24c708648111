"""The lists of the direct endpoints: no field is on two of them, and each says why."""

import pytest

from coordinator.openai.fields import Fields
from coordinator.openai.media.fields import EditFields, GenerationFields, VideoFields


@pytest.mark.parametrize("fields", [GenerationFields, EditFields, VideoFields])
def test_a_field_is_on_one_list_with_a_reason(fields: type[Fields]) -> None:
    lists = [fields.accepted, fields.limited, fields.refused]
    names = [name for one in lists for name in one]
    assert len(names) == len(set(names))
    reasons = [*fields.accepted.values(), *fields.refused.values(), *(why for _, why in fields.limited.values())]
    assert all(reason and not reason.endswith(".") for reason in reasons)
