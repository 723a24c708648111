from typing import Any

import pytest

from coordinator.openai.fields import Fields
from coordinator.openai.platform import plain_choice, read_platform, read_wanted
from coordinator.openai.tools import Chosen
from wire.chat import Tool
from wire.errors import SupernetError

TOOLS = (Tool(name="look"),)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(None, None), (True, True), (False, False), ("none", False), ("creative-tools", True), ("rich", True)],
)
def test_whether_tools_are_wanted(value: Any, wanted: bool | None) -> None:
    assert read_wanted(Fields({"sogni_tools": value})) is wanted


@pytest.mark.parametrize("value", [0, 1, "", "some", [], {}])
def test_what_is_no_wish_is_refused(value: Any) -> None:
    with pytest.raises(SupernetError) as refused:
        read_wanted(Fields({"sogni_tools": value}))
    assert refused.value.param == "sogni_tools"


def test_who_runs_them() -> None:
    assert read_platform(Fields({}), None, Chosen((), "auto")).run
    chosen = Chosen((), "required", frozenset({"sogni_edit_image"}))
    wish = read_platform(Fields({"sogni_tool_execution": False}), True, chosen, progress=True)
    assert (wish.wanted, wish.run, wish.progress, wish.choice) == (True, False, True, "required")
    assert wish.allowed == chosen.allowed


def test_the_choice_among_a_requests_own_tools() -> None:
    assert plain_choice(Chosen(TOOLS, "auto")) == "auto"
    assert plain_choice(Chosen(TOOLS, "name:look")) == "name:look"
    assert plain_choice(Chosen(TOOLS, "name:sogni_generate_image")) == plain_choice(Chosen((), "required")) == "none"
