from dataclasses import replace
from typing import Any

import pytest

from coordinator.attachment import Attachment, Kind
from coordinator.media.ready import Ready
from coordinator.media.tools import FULL, NAMES, SHORT
from coordinator.request import PictureWish, PlatformWish
from coordinator.rounds.offer import TOO_SHORT, UNSERVED, Offer, given, offered, served
from tests.coordinator.media.samples import CATALOG, IMAGE, READY, offer
from tests.coordinator.rounds.scripts import chat
from wire.chat import Message, Tool
from wire.errors import ErrorCode, SupernetError, invalid

WIDE = 32_768
DRAW = "sogni_generate_image"


def names(job: Any, mode: Any = "default", context: int = WIDE) -> list[str]:
    return [tool.name for tool in offered(job, NAMES, context, mode).tools]


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
    assert offered(chat(), NAMES, 4096, "default").tools == SHORT
    assert offered(chat(), NAMES, WIDE, "default").tools == FULL


def test_ours_come_first_and_a_client_keeps_its_own() -> None:
    mine = (Tool(name="look"), Tool(name=DRAW))
    job = chat(tools=mine)
    offer = offered(job, NAMES, WIDE, "default")
    assert DRAW not in [tool.name for tool in offer.tools]
    job = given(job, offer)
    assert job.request.tools == (*FULL[1:], *mine)
    assert job.platform.declared == tuple(tool.name for tool in FULL[1:])


def test_the_choice_of_the_request_holds_once_the_tools_are_there() -> None:
    job = chat(tool_choice="none", platform=PlatformWish(choice=f"name:{DRAW}"))
    assert given(job, Offer(FULL)).request.tool_choice == f"name:{DRAW}"
    with pytest.raises(SupernetError, match="no worker serves it at the moment"):
        given(job, Offer())
    needs = chat(tool_choice="none", platform=PlatformWish(choice="required"))
    assert given(needs, Offer(SHORT)).request.tool_choice == "required"
    with pytest.raises(SupernetError, match="needs at least one function"):
        given(needs, Offer())


REASONS: list[tuple[PlatformWish, Any, frozenset[str], str]] = [
    (PlatformWish(False), "default", NAMES, "'sogni_tools' is false"),
    (PlatformWish(), "off", NAMES, "the operator of this network has the platform tools switched off"),
    (PlatformWish(), "opt-in", NAMES, "have to be asked for by 'sogni_tools'"),
    (PlatformWish(), "default", frozenset(), UNSERVED),
    (PlatformWish(), "default", frozenset({"sogni_generate_music"}), UNSERVED),
]


@pytest.mark.parametrize(("wish", "mode", "served", "why"), REASONS)
@pytest.mark.parametrize("how", ["name", "allowed"])
def test_a_choice_of_a_tool_that_is_not_there_says_why(
    wish: PlatformWish, mode: Any, served: frozenset[str], why: str, how: str
) -> None:
    named = {"choice": f"name:{DRAW}"} if how == "name" else {"choice": "required", "allowed": frozenset({DRAW})}
    job = chat(tool_choice="none", platform=replace(wish, **named))
    with pytest.raises(SupernetError, match=f"'{DRAW}' is not declared: .*{why}") as refused:
        given(job, offered(job, served, WIDE, mode))
    assert (refused.value.code, refused.value.param) == (ErrorCode.INVALID_REQUEST, "tool_choice")


def test_a_choice_of_a_tool_that_does_not_fit_the_model_says_so() -> None:
    job = chat(tool_choice="none", platform=PlatformWish(choice="name:sogni_edit_image"))
    with pytest.raises(SupernetError, match=TOO_SHORT):
        given(job, offered(job, NAMES, 4096, "default"))


def test_a_key_may_have_them_switched_off_whatever_a_request_says() -> None:
    for wish in (PlatformWish(), PlatformWish(True), PlatformWish(pictures=PictureWish(frozenset({DRAW})))):
        offer = offered(chat(platform=wish), NAMES, WIDE, "default", key=False)
        assert (offer.tools, offer.why_not(DRAW)) == ((), "this API key has the platform tools switched off")


def test_of_ours_the_model_is_told_of_the_allowed_ones_alone() -> None:
    wish = PlatformWish(allowed=frozenset({DRAW, "sogni_generate_music"}))
    job = chat(platform=wish)
    both = offered(job, NAMES, WIDE, "default")
    assert [tool.name for tool in both.tools] == sorted(wish.allowed or ())
    assert given(job, both).warnings == ()
    one = given(job, offered(job, frozenset({DRAW}), WIDE, "default"))
    assert one.platform.declared == (DRAW,)
    assert one.warnings == (
        f"'tool_choice' allows 'sogni_generate_music', and the model was not told of it: {UNSERVED}",
    )
    assert names(chat(platform=PlatformWish(allowed=frozenset()))) == []


def test_a_tool_that_draws_brings_those_that_draw_where_others_have_to_be_asked_for() -> None:
    pictures = PictureWish(frozenset({DRAW, "sogni_edit_image"}))
    assert names(chat(platform=PlatformWish(pictures=pictures)), "opt-in") == [DRAW, "sogni_edit_image"]
    assert len(names(chat(platform=PlatformWish(True, pictures=pictures)), "opt-in")) == len(FULL)
    job = chat(platform=PlatformWish(pictures=pictures))
    (warning,) = given(job, offered(job, frozenset({"sogni_generate_music"}), WIDE, "opt-in")).warnings
    assert "'image_generation' is not offered" in warning and UNSERVED in warning
    unwanted = replace(job, platform=PlatformWish(False, pictures=pictures))
    (warning,) = given(unwanted, offered(unwanted, NAMES, WIDE, "default")).warnings
    assert "'sogni_tools' is false" in warning


def test_who_asks_for_them_in_vain_is_told() -> None:
    (warning,) = given(chat(platform=PlatformWish(True)), Offer()).warnings
    assert "'sogni_tools'" in warning and UNSERVED in warning
    plain = chat()
    assert given(plain, Offer()) == plain
    assert given(replace(plain, platform=PlatformWish(False)), Offer()).warnings == ()


@pytest.mark.parametrize(
    ("kind", "tools", "taken"),
    [
        ("image", ("sogni_generate_image", "sogni_edit_image"), True),
        ("image", ("sogni_generate_video",), True),
        ("image", ("sogni_generate_image", "sogni_generate_music"), False),
        ("image", (), False),
        ("audio", ("sogni_sound_to_video",), True),
        ("audio", ("sogni_edit_image", "sogni_video_to_video"), False),
        ("video", ("sogni_video_to_video",), True),
        ("video", ("sogni_edit_image", "sogni_sound_to_video"), False),
        (None, ("sogni_edit_image",), True),
        (None, ("sogni_generate_image",), False),
    ],
)
def test_what_the_model_does_not_see_is_taken_where_a_tool_takes_it(kind: Kind | None, tools: Any, taken: bool) -> None:
    declared = Offer(tuple(tool for tool in FULL if tool.name in tools))
    job = replace(chat(), attachments=(Attachment("x", invalid("x.type", "text only"), kind),))
    clients_own = replace(job, platform=PlatformWish(run=False))
    if taken:
        assert given(job, declared).attachments == job.attachments
    for refused in [clients_own] if taken else [job, clients_own]:
        with pytest.raises(SupernetError, match="text only"):
            given(refused, declared)


def test_what_is_wrong_with_a_file_is_said_where_a_tool_would_have_taken_it() -> None:
    broken = Attachment("x", invalid("x.type", "text only"), fault=invalid("x.data", "no base64"))
    job = replace(chat(), attachments=(broken,))
    with pytest.raises(SupernetError, match="no base64"):
        given(job, Offer(tuple(tool for tool in FULL if tool.name == "sogni_edit_image")))
    with pytest.raises(SupernetError, match="text only"):
        given(job, Offer())
