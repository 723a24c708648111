"""What the simulation asks of the books is no more than can be promised."""

from typing import Any, cast

from coordinator.dispatch.effects import Failed
from coordinator.ledger.orders import UsageRow
from tests.coordinator.cluster.samples import JOB
from tools.simulation.cluster.ledger import _billed
from tools.simulation.history import Story
from wire.errors import ErrorCode, SupernetError

PAID: dict[str, Any] = dict.fromkeys(UsageRow.__match_args__, 0) | {"job": JOB, "request": "j", "cost_nano": 5}


def test_poison_is_paid_only_where_whoever_knew_of_it_could_not_write_it_down() -> None:
    poison = Failed(JOB, SupernetError(ErrorCode.POISON_REQUEST, "it crashed engines"), cast(Any, None))
    story = Story(cast(Any, None), "", 0.0, tokens=[1, 2, 3], ends=[(9.0, "Failed", poison)])
    given, more = UsageRow(**PAID | {"completion": 3}), UsageRow(**PAID | {"completion": 4})
    assert list(_billed(JOB, story, [given], unsure=False)) == [f"{JOB}: poison, and it was paid"]
    assert list(_billed(JOB, story, [given], unsure=True)) == []
    assert list(_billed(JOB, story, [more], unsure=True)), "more than was given"
