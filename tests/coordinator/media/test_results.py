import json

from coordinator.artefact import Artefact
from coordinator.media.results import SHOWN, Piece, Result, for_client, for_model, missing_links
from tests.coordinator.media.samples import ARTEFACT, LINK
from wire.errors import ErrorCode

MADE = Artefact(ARTEFACT, "0" * 64, "image/png", 1234, made_ms=0, expires_ms=86_400_000, width=64, height=32)
DRAWN = Result(
    "call_1",
    "sogni_generate_image",
    (Piece(MADE, LINK, "media:2"),),
    "image",
    "toy-emoji-64",
    "a cat [with](http://x) a *hat*\nand " + "more " * 200,
    7,
    ("a note",),
    cost_nano=1000,
)
FAILED = Result("call_2", "sogni_generate_music", error="no worker serves it")


def test_the_model_is_told_the_link_and_its_handle() -> None:
    said = json.loads(for_model(DRAWN))
    assert (said["success"], said["urls"], said["handles"]) == (True, [LINK], ["media:2"])
    assert (said["media_type"], said["model"], said["notes"]) == ("image", "toy-emoji-64", ["a note"])
    assert len(for_model(DRAWN)) < 2048
    assert json.loads(for_model(FAILED)) == {"success": False, "error": "no worker serves it"}


def test_the_client_is_told_all_of_it() -> None:
    shown = for_client(DRAWN)
    assert shown["artefacts"] == [
        {
            "url": LINK,
            "media_type": "image/png",
            "bytes": 1234,
            "width": 64,
            "height": 32,
            "seconds": None,
            "expires_at": 86_400,
        }
    ]
    assert (shown["tool_call_id"], shown["seed"], shown["cost_nano_usd"], shown["error"]) == ("call_1", 7, 1000, None)
    failed = for_client(FAILED)
    assert (failed["success"], failed["urls"], failed["error"]) == (False, [], "no worker serves it")
    assert (shown["error_code"], failed["error_code"]) == (None, None)
    blocked = for_client(Result("call_3", "sogni_generate_image", error="not that", code=ErrorCode.CONTENT_FILTER))
    assert (blocked["error"], blocked["error_code"]) == ("not that", "content_filter")


def test_links_that_the_model_forgot_are_added() -> None:
    added = missing_links([DRAWN, FAILED], "Here you are.")
    assert added == f"\n\n![a cat with http://x a hat and more more more more more more…]({LINK})"
    assert missing_links([DRAWN], f"Here: {LINK}") == ""


def test_a_film_is_a_link_with_a_name() -> None:
    film = Result("c", "sogni_generate_video", (Piece(MADE, LINK),), "video", "m", "")
    assert missing_links([film], "") == f"\n\n[sogni_generate_video]({LINK})"


def test_where_the_client_is_given_the_picture_the_model_is_told_of_no_link() -> None:
    said = json.loads(for_model(DRAWN, apart=True))
    assert "urls" not in said and LINK not in for_model(DRAWN, apart=True)
    assert (said["success"], said["handles"], said["hint"]) == (True, ["media:2"], SHOWN)
