import pytest

from coordinator.operating import worker_orders
from coordinator.operating.errors import CannotBeDone
from coordinator.operating.worker_orders import OrderRow, end, order, standing
from coordinator.store.audit_log import read
from coordinator.store.database import Database


def test_of_a_worker_the_last_order_stands_until_its_time_or_its_end(database: Database) -> None:
    order(database, OrderRow("acc/w", "rest", 10, 100, "hot"), "key_1")
    order(database, OrderRow("acc/w", "away", 20, 200, ""), "key_1")
    order(database, OrderRow("acc/x", "rest", 20, 30, ""), "key_1")
    assert {key: row.kind for key, row in standing(database, 25).items()} == {"acc/w": "away", "acc/x": "rest"}
    assert set(standing(database, 30)) == {"acc/w"}
    end(database, "acc/w", "key_2", 40)
    assert not standing(database, 41)
    with pytest.raises(CannotBeDone, match="no order stands"):
        end(database, "acc/w", "key_2", 42)
    assert [(deed.action, deed.target, deed.detail) for deed in read(database, 9)][::3] == [
        ("worker order end", "acc/w", "away"),
        ("worker rest", "acc/w", "for 0 s hot"),
    ]


def test_there_is_a_bound_and_what_is_over_does_not_count(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_orders, "MOST", 2)
    for name, at_ms in (("a/1", 1), ("a/2", 1), ("a/3", 60)):
        order(database, OrderRow(name, "rest", at_ms, at_ms + 50, ""), "key_1")
    order(database, OrderRow("a/4", "rest", 61, 100, ""), "key_1")
    with pytest.raises(CannotBeDone, match="rest or are away"):
        order(database, OrderRow("a/5", "rest", 62, 100, ""), "key_1")
    assert len(read(database, 9)) == 4
