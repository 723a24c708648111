"""Which frames a client wants."""

from typing import Any

import pytest

from coordinator.sogni.subscriptions import MAX_QUERY_CHARS, MOST_NAMES, Subscriptions


def test_everything_is_wanted_until_a_client_says_otherwise() -> None:
    asked = Subscriptions()
    assert asked.wants("swarmLLMModels")
    asked.update({"subscriptions": {"modelAvailability": False}})
    assert not asked.wants("swarmLLMModels")
    asked.update({"subscribe": ["swarmLLMModels", "appAlert"]})
    assert asked.wants("swarmLLMModels")
    asked.update({"unsubscribe": "balanceUpdate"})
    assert not asked.wants("balanceUpdate")
    asked.update({"event": "balanceUpdate", "enabled": True})
    assert asked.flags == {
        "modelAvailability": False,
        "swarmLLMModels": True,
        "appAlert": True,
        "balanceUpdate": True,
    }
    asked.update({"reset": True})
    assert asked.flags == {}


@pytest.mark.parametrize(
    "asked",
    [
        None,
        5,
        [],
        {"subscriptions": [1]},
        {"subscriptions": {"a": "yes"}},
        {"subscribe": [1, None, "x" * 65]},
        {"event": {}, "enabled": True},
        {"event": "balanceUpdate", "enabled": 1},
        {"reset": "yes"},
    ],
)
def test_what_cannot_be_read_changes_nothing(asked: Any) -> None:
    subscriptions = Subscriptions()
    subscriptions.update({"event": "kept", "enabled": True})
    subscriptions.update(asked)
    assert subscriptions.flags == {"kept": True}


def test_names_are_few() -> None:
    subscriptions = Subscriptions()
    subscriptions.update({"subscribe": [f"name{n}" for n in range(10 * MOST_NAMES)]})
    assert len(subscriptions.flags) == MOST_NAMES
    subscriptions.update({"unsubscribe": "name0"})
    assert subscriptions.flags["name0"] is False


def test_the_address_may_say_it_too() -> None:
    assert Subscriptions.of_query('{"projectQueue":true,"balanceUpdate":false}').flags == {
        "projectQueue": True,
        "balanceUpdate": False,
    }
    for text in ("", "{", "[]", "null", '{"a":' + "1" * MAX_QUERY_CHARS + "}", "\ud800"):
        assert Subscriptions.of_query(text).flags == {}
