from dataclasses import replace
from typing import Any

import pytest

from coordinator.media.ready import Ready
from coordinator.media.tools import FULL, NAMES, SHORT
from coordinator.request import PlatformWish
from coordinator.rounds.offer import UNSERVED, given, offered, served
from tests.coordinator.media.samples import CATALOG, IMAGE, READY, offer
from tests.coordinator.rounds.scripts import chat
from wire.chat import Message, Tool
from wire.errors import SupernetError

WIDE = 32_768
DRAW = "sogni_generate_image"


def names(job: Any, mode: Any = "default", context: int = WIDE) -> list[str]:
    return [tool.name for tool in offered(job, NAMES, context, mode)]


def test_what_a_ready_worker_does_is_served() -> None:
    assert served(CATALOG, READY) == NAMES
    assert served(CATALOG, Ready({IMAGE.id: (offer(IMAGE),)})) == {DRAW}
    assert served(CATALOG, Ready()) == frozenset()
    assert served((), READY) == frozenset()


@pytest.mark.parametrize(
    ("wanted", "mode", "gets"),
    [
        (None, "default", True),
        (True, "default", True),
        (False, "default", False),
        (None, "opt-in", False),
        (True, "opt-in", True),
        (True, "off", False),
    ],
)
def test_request_and_operator_have_a_say(wanted: bool | None, mode: str, gets: bool) -> None:
    assert bool(names(chat(platform=PlatformWish(wanted)), mode)) is gets


def test_requests_for_which_none_are_declared() -> None:
    assert names(chat(n=2)) == []
    assert names(chat(json_schema={})) == []
    assert names(chat(platform=PlatformWish(choice="none"))) == []
    assert names(chat(platform=PlatformWish(choice="name:look"))) == []
    assert names(chat(messages=(Message(role="user", content="a"),) * 2000)) == []
    assert names(chat(tools=tuple(Tool(name=f"t{number}") for number in range(125)))) == []


def test_a_short_context_gets_the_short_form() -> None:
    assert offered(chat(), NAMES, 4096, "default") == SHORT
    assert offered(chat(), NAMES, WIDE, "default") == FULL


def test_ours_come_first_and_a_client_keeps_its_own() -> None:
    mine = (Tool(name="look"), Tool(name=DRAW))
    job = chat(tools=mine)
    tools = offered(job, NAMES, WIDE, "default")
    assert DRAW not in [tool.name for tool in tools]
    job = given(job, tools)
    assert job.request.tools == (*FULL[1:], *mine)
    assert job.platform.declared == tuple(tool.name for tool in FULL[1:])


def test_the_choice_of_the_request_holds_once_the_tools_are_there() -> None:
    job = chat(tool_choice="none", platform=PlatformWish(choice=f"name:{DRAW}"))
    assert given(job, FULL).request.tool_choice == f"name:{DRAW}"
    with pytest.raises(SupernetError, match="no worker serves it at the moment"):
        given(job, ())
    needs = chat(tool_choice="none", platform=PlatformWish(choice="required"))
    assert given(needs, SHORT).request.tool_choice == "required"
    with pytest.raises(SupernetError, match="needs at least one function"):
        given(needs, ())


def test_who_asks_for_them_in_vain_is_told() -> None:
    assert given(chat(platform=PlatformWish(True)), ()).warnings == (UNSERVED,)
    plain = chat()
    assert given(plain, ()) == plain
    assert given(replace(plain, platform=PlatformWish(False)), ()).warnings == ()
