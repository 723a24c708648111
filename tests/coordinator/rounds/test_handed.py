from dataclasses import replace

from coordinator.attachment import Attachment
from coordinator.media.handles import MOST, Medium
from coordinator.request import PlatformWish
from coordinator.rounds.handed import handed
from tests.coordinator.media.samples import ARTEFACT, LINK, MP3, PNG, PUBLIC_URL
from tests.coordinator.rounds.scripts import chat
from wire.chat import Image, Message
from wire.errors import invalid

TALK = (
    Message(role="user", content="Draw."),
    Message(role="assistant", content=f"Here: ![a]({LINK})"),
    Message(
        role="user", content=f"Join it with {PUBLIC_URL}/m/{'Z' * 22}.jpg, and not with https://evil.example/m/x.png"
    ),
)
EDITS = PlatformWish(declared=("sogni_edit_image", "sogni_sound_to_video"))
REFUSED = invalid("x", "no")
FILE = Medium("image", sha256="1" * 64, data=PNG, verified=True)
HEARD = Medium("audio", sha256="2" * 64, data=MP3, verified=True)


def at(message: int, place: int) -> Attachment:
    return Attachment("x", REFUSED, message=message, at=place)


def seen(number: int, place: int) -> Image:
    return Image(at=place, sha256=f"{number:064x}", size_bytes=1, most=256)


def test_what_a_conversation_links_to_has_a_handle_in_its_order() -> None:
    job, handles = handed(chat(messages=TALK), PUBLIC_URL)
    assert job.request.messages == TALK
    assert [medium.artefact for medium in handles.media] == [ARTEFACT, "Z" * 22]
    assert handles.find("media:2", "image").artefact == "Z" * 22


def test_the_model_is_told_of_what_it_cannot_see_where_it_stands() -> None:
    said = (*TALK[:2], Message(role="user", content="Make it like this:and sing"))
    asked = replace(chat(messages=said, platform=EDITS), attachments=(at(0, 0), at(2, 18), at(2, 26)))
    asked = replace(asked, blobs={"3" * 64: b"x"})
    brought = ((FILE, "2x1 PNG"), (FILE, "2x1 PNG"), (HEARD, "3 s MP3"))
    job, handles = handed(asked, PUBLIC_URL, brought)
    assert [message.content for message in job.request.messages] == [
        "[image media:1, 2x1 PNG]\nDraw.",
        f"Here: ![a]({LINK})",
        "Make it like this:\n[image media:1, 2x1 PNG]\nand sing\n[audio media:3, 3 s MP3]\n",
    ]
    assert [medium.artefact or medium.sha256 for medium in handles.media] == ["1" * 64, ARTEFACT, "2" * 64]
    assert handles.find("media:3", "audio").data == MP3
    assert job.attachments == ()
    assert job.blobs == {"3" * 64: b"x", "1" * 64: PNG, "2" * 64: MP3}


def test_a_picture_that_the_model_sees_has_a_handle_where_a_tool_takes_one() -> None:
    files = {f"{1:064x}": PNG, f"{2:064x}": b"GIF89a", f"{3:064x}": PNG + b"2"}
    talk = Message(role="user", content="one two", images=(seen(1, 3), seen(2, 3), seen(3, 7)))
    asked = replace(chat(messages=(talk,)), blobs=files)
    assert handed(asked, PUBLIC_URL)[0].request.messages == (talk,)
    job, handles = handed(replace(asked, platform=EDITS), PUBLIC_URL)
    (told,) = job.request.messages
    first, second = "one\n[image media:1]\n", " two\n[image media:2]\n"
    assert told.content == first + second
    assert [image.at for image in told.images] == [len(first), len(first), len(first + second)]
    assert [image.sha256 for image in told.images] == list(files)
    assert [medium.data for medium in handles.media] == [PNG, PNG + b"2"]
    assert not handles.media[0].verified


def test_where_there_are_too_many_the_model_is_told_that_it_cannot_use_the_last() -> None:
    links = " ".join(f"{PUBLIC_URL}/m/{number:022}.png" for number in range(MOST))
    talk = (Message(role="assistant", content=links), Message(role="user", content=""))
    asked = replace(chat(messages=talk, platform=EDITS), attachments=(at(1, 0),))
    job, handles = handed(asked, PUBLIC_URL, ((FILE, "2x1 PNG"),))
    assert job.request.messages[1].content.startswith("[image, 2x1 PNG: this conversation has too many")
    assert len(handles.media) == MOST
