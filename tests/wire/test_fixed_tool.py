"""wire/fixed_tool.py: what was made of a fixed tool is there already; what a client declares is not kept."""

from wire.chat import Tool
from wire.fixed_tool import FixedTool, once

SCHEMA = {"type": "object", "properties": {"a": {"type": "number"}}}


def test_a_fixed_tool_is_measured_once_for_each_argument_and_any_other_each_time() -> None:
    asked: list[tuple[str, int]] = []

    @once
    def measure(tool: Tool, times: int) -> int:
        asked.append((tool.name, times))
        return len(tool.name) * times

    fixed, own = FixedTool(name="fixed", parameters=SCHEMA), Tool(name="own", parameters=SCHEMA)
    assert [measure(fixed, 1), measure(fixed, 1), measure(fixed, 2)] == [5, 5, 10]
    assert [measure(own, 1), measure(own, 1)] == [3, 3]
    assert asked == [("fixed", 1), ("fixed", 2), ("own", 1), ("own", 1)]


def test_one_that_was_made_of_it_is_another() -> None:
    measure = once(lambda tool: tool.name)
    fixed = FixedTool(name="a", parameters=SCHEMA)
    assert (measure(fixed), measure(fixed.model_copy(update={"name": "b"}))) == ("a", "b")


def test_it_is_written_as_any_tool() -> None:
    fixed, own = FixedTool(name="a", parameters=SCHEMA), Tool(name="a", parameters=SCHEMA)
    assert fixed.model_dump_json() == own.model_dump_json()
